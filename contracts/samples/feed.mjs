// Read your feed with fetch, and resume: node feed.mjs [--once]. Needs Node 20, and nothing else.
// Lit votre flux avec fetch, et reprend.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const { MAILLAGE_URL, MAILLAGE_CLIENT_ID, MAILLAGE_CLIENT_SECRET, MAILLAGE_STATE = "maillage-state" } = process.env;
const once = process.argv.includes("--once");
const file = `${MAILLAGE_STATE}/cursor`;
const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
let token = "";

async function call(path, options) {
  for (let failures = 0; ; failures++) {
    const answer = await fetch(MAILLAGE_URL + path, options()).catch(() => undefined);
    if (answer?.ok) return answer.json();
    if (answer?.status === 401 && path.startsWith("/feed") && failures === 0) {
      await renewToken(); // a token lives five minutes
      continue;
    }
    if (answer && answer.status < 500 && answer.status !== 429) {
      throw new Error(`${answer.status}: ${await answer.text()}`); // refused for good: trying again is no use
    }
    await pause(Number(answer?.headers.get("retry-after")) || Math.min(60, 2 ** failures));
  }
}

async function renewToken() {
  const credentials = Buffer.from(`${MAILLAGE_CLIENT_ID}:${MAILLAGE_CLIENT_SECRET}`).toString("base64");
  const answer = await call("/oauth/token", () => ({
    method: "POST",
    headers: { authorization: `Basic ${credentials}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  }));
  token = answer.access_token;
}

mkdirSync(MAILLAGE_STATE, { recursive: true });
let cursor = "";
try {
  cursor = readFileSync(file, "ascii").trim();
} catch {
  // The first time there is none.
}
await renewToken();
for (let more = true; more || !once; ) {
  const asked = new URLSearchParams({ limit: "100", wait: once ? "0" : "25", ...(cursor && { after: cursor }) });
  const page = await call(`/feed?${asked}`, () => ({ headers: { authorization: `Bearer ${token}` } }));
  for (const event of page.events) {
    console.log(event.sequence, event.id, event.type); // here comes your own work
  }
  ({ cursor, more } = page);
  writeFileSync(`${file}.new`, cursor); // only once the page is handled
  renameSync(`${file}.new`, file);
}
