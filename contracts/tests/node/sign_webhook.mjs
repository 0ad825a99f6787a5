// Sign a body with the official Standard Webhooks library: node sign_webhook.mjs <folder> <secret> <seconds> <body>
import { createRequire } from "node:module";

const { Webhook } = createRequire(process.argv[2] + "/")("standardwebhooks");
const [secret, seconds, body] = process.argv.slice(3);
const signature = new Webhook(secret).sign("msg_1", new Date(Number(seconds) * 1000), body);
process.stdout.write(JSON.stringify({ signature }));
