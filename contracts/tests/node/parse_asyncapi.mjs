// Parse an AsyncAPI document with the official parser and print what it thinks of it, as JSON.
// node parse_asyncapi.mjs <folder that holds node_modules> <document>
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Parser } = createRequire(process.argv[2] + "/")("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[3], "utf8"));
process.stdout.write(
  JSON.stringify({
    accepted: document !== undefined,
    channels: document ? document.channels().all().map((channel) => channel.id()) : [],
    messages: document ? document.messages().all().map((message) => message.name()) : [],
    problems: diagnostics.map(({ severity, code, path, message }) => ({ severity, code, path: path.join("/"), message })),
  }),
);
