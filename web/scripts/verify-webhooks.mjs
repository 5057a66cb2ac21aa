// Verifies webhooks with independent libraries, as a customer's program does: the npm packages standardwebhooks and svix.
// Standard input: a list of {"secret", "headers", "body"}. Each must be accepted with its secret, and refused with another
// one and with another body. tests/scenarios/webhooks.rs runs it.

import { text } from "node:stream/consumers";
import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const OTHER_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

function accepts(Library, secret, body, headers) {
  try {
    new Library(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

const requests = JSON.parse(await text(process.stdin));
for (const Library of [Standard, Svix]) {
  for (const { secret, headers, body } of requests) {
    const outcomes = [
      accepts(Library, secret, body, headers),
      !accepts(Library, OTHER_SECRET, body, headers),
      !accepts(Library, secret, body.replace("hooks", "hocks"), headers),
    ];
    if (outcomes.includes(false)) {
      throw new Error(`${outcomes}: ${JSON.stringify({ secret, headers, body })}`);
    }
  }
}
console.log(`${requests.length} requests verified by standardwebhooks and svix`);
