// Receive webhooks with Node alone, and verify their signatures: node webhook.mjs. PORT is 8080 by default.
// Reçoit des webhooks et vérifie leur signature (Standard Webhooks).
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secrets = process.env.MAILLAGE_WEBHOOK_SECRETS.split(/\s+/).filter(Boolean);
const TOLERANCE_SECONDS = 300;
const BODY_BYTES_MAX = 2_000_000;

function signed(headers, body) {
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures } = headers;
  if (!id || !signatures || !/^\d{1,12}$/.test(timestamp ?? "")) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const given = signatures.split(" ").filter((one) => one.startsWith("v1,")).map((one) => Buffer.from(one.slice(3)));
  return secrets.some((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
    // In constant time: how long a comparison takes says nothing of the right signature.
    return given.some((one) => one.length === expected.length && timingSafeEqual(one, Buffer.from(expected)));
  });
}

const server = createServer((request, response) => {
  const parts = [];
  let size = 0;
  request.on("data", (part) => {
    size += part.length;
    if (size > BODY_BYTES_MAX) request.destroy();
    parts.push(part);
  });
  request.on("end", () => {
    const body = Buffer.concat(parts); // exactly the bytes that were signed: never parsed and written again
    if (!signed(request.headers, body)) return response.writeHead(401).end();
    const event = JSON.parse(body);
    if (event.type === "fr.maillage.partners.webhook.challenge.v1") {
      response.writeHead(200, { "content-type": "application/json" });
      return response.end(JSON.stringify({ challenge: event.data.challenge }));
    }
    console.log(event.id, event.type); // here comes your own work: store it, deduplicated on the id, then answer
    response.writeHead(204).end();
  });
});
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
