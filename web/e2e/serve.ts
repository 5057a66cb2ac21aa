/** `npm run dev`: serves the built page over the fixture, without a stack. */

import { sample } from "./fixture/sample";
import { Fixture } from "./fixture/server";
import { PASSWORD } from "./fixture/state";

const fixture = await new Fixture().start();
fixture.stepMs = 8000;
sample(fixture);
console.log(`page  ${fixture.pageUrl}\nsign in as ${[...fixture.users.keys()].join(", ")}\nwith  ${PASSWORD}`);
