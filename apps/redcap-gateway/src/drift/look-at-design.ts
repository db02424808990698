import { hashOf, type DesignPart, type LiveDesign } from '../projects/live-design';
import type { RedcapProject } from '../projects/redcap-project';

/**
 * What the polls look at in turn while nothing speaks of a change. The dictionary comes every second time: it changes most.
 */
const turns: readonly DesignPart[] = ['dictionary', 'eventMap', 'dictionary', 'repeats'];

/**
 * Which parts of the design a poll asks for, so that a quiet poll stays at three calls: all of them when the log speaks of a
 * change; one in turn where the log can be read and says nothing, for what it might not tell; dictionary and event map
 * where it cannot be read, as the poll then has the log's call to spare. A project without events has no event map.
 */
export function partsToLookAt(
  turn: number,
  o: { hinted: boolean; mayReadLog: boolean; longitudinal: boolean },
): DesignPart[] {
  const parts: DesignPart[] = o.hinted
    ? ['dictionary', 'events', 'eventMap', 'repeats']
    : o.mayReadLog
      ? [turns[turn % turns.length]!]
      : ['dictionary', turn % 4 === 3 ? 'repeats' : 'eventMap'];
  const there = parts.filter((part) => o.longitudinal || (part !== 'events' && part !== 'eventMap'));
  return there.length > 0 ? there : ['dictionary'];
}

/** Whether one of these parts differs from what is known. One call each. */
export async function differs(
  project: RedcapProject,
  known: LiveDesign,
  parts: readonly DesignPart[],
): Promise<boolean> {
  const { client } = project;
  const ask: Record<DesignPart, () => Promise<string>> = {
    dictionary: async () => hashOf.dictionary(await client.metadata()),
    events: async () => hashOf.events(await client.events()),
    eventMap: async () => hashOf.eventMap(await client.formEventMapping()),
    repeats: async () => hashOf.repeats(await client.repeatingFormsEvents()),
  };
  for (const part of parts) if ((await ask[part]()) !== known.parts[part]) return true;
  return false;
}
