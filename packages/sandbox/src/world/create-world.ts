import { RedcapStandIn } from '../redcap/redcap-stand-in';
import { SandboxWorld, type World, type WorldOptions } from './world';

/**
 * The outside world: REDCap and the texting partner with their clock, from a cohort, from projects, or from where its
 * state file says that it was. Throws a `setting` error for an XML that cannot be read or a state file of another world.
 */
export function createWorld(options: WorldOptions): World {
  return new SandboxWorld(options, (port) => new RedcapStandIn(port, options.redcap));
}
