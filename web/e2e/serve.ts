/** `npm run dev`: the built page over the fixture, for a look around without a stack. */

import { PASSWORD, Fixture } from "./fixture/server";
import { sample } from "./fixture/sample";

const fixture = await new Fixture().start();
fixture.pace = 8000;
sample(fixture);
console.log(`page  ${fixture.pageUrl}\nsign in as ${[...fixture.users.keys()].join(", ")}\nwith  ${PASSWORD}`);
