import { earliestWallTime, RedcapAccessError, type LogRow } from '@studybridge/redcap-client';
import { DateTime } from 'luxon';
import type { RedcapProject } from '../projects/redcap-project';
import { readLogLines, type LogReading } from './log-lines';
import { announcedRows } from './read-records';

/** What REDCap says changed. */
export interface Changes {
  /** Records changed, with the flat rows that the id list announces for them. */
  announced: Map<string, ReadonlySet<string>>;
  /** Null where the token may not read the log. */
  log: LogReading | null;
  /** The lines themselves, newest first. */
  lines: readonly LogRow[] | null;
}

const dayMs = 24 * 3_600_000;

/**
 * Asks for the ids of records changed since an instant, and for the log of the same time. Both ranges begin early: by the
 * overlap, by as much as the server's clock is behind (its Date header; else the log, in which our own export must show),
 * and at the smaller wall time where clocks were set back. Records that only the log names are added, so that an id list
 * that lost rows does no harm.
 */
export async function changedSince(
  project: RedcapProject,
  o: { since: Date; now: Date; overlapMs: number; mayReadLog: boolean; logNewest: string | null },
): Promise<Changes> {
  const { recordIdField } = project.definition;
  const behind = Math.min(0, project.skewMs ?? 0);
  const from = new Date(o.since.getTime() - o.overlapMs + behind);
  const begin = earlier(
    earliestWallTime(from, o.now, project.serverZone),
    o.logNewest === null ? null : minus(o.logNewest, o.overlapMs),
  );
  let announced = await announcedRows(project, { dateRangeBegin: begin });
  if (!o.mayReadLog) return { announced, log: null, lines: null };

  let lines = await readLog(project, begin);
  if (lines === null) return { announced, log: null, lines: null };
  const expectedNewest = earliestWallTime(new Date(o.now.getTime() - o.overlapMs / 2), o.now, project.serverZone);
  if (newestOf(lines) < expectedNewest.slice(0, 16)) {
    // Our own export should stand there. Either the server does not log exports, or its clock is behind: by how much?
    const wide = await readLog(project, minus(begin, 26 * 3_600_000));
    const newest = newestOf(wide ?? []);
    if (newest !== '' && newest < begin.slice(0, 16)) {
      const gapMs = wallMs(expectedNewest) - wallMs(newest);
      if (gapMs < dayMs) {
        const earlierBegin = minus(begin, gapMs + o.overlapMs);
        announced = await announcedRows(project, { dateRangeBegin: earlierBegin });
        lines = (wide ?? []).filter((line) => line.timestamp >= earlierBegin.slice(0, 16));
      }
    }
  }
  const log = readLogLines(lines, recordIdField);
  for (const record of log.touched) if (!announced.has(record)) announced.set(record, new Set());
  return { announced, log, lines };
}

/** The log from a wall time on; null where the token may not read it any longer. */
async function readLog(project: RedcapProject, begin: string): Promise<LogRow[] | null> {
  try {
    return await project.client.log({ beginTime: begin.slice(0, 16) });
  } catch (error) {
    if (error instanceof RedcapAccessError) return null;
    throw error;
  }
}

function newestOf(lines: readonly LogRow[]): string {
  return lines.reduce((newest, line) => (line.timestamp > newest ? line.timestamp.slice(0, 16) : newest), '');
}

// Wall times are compared and shifted as REDCap does it: as texts, without a zone.
function wallMs(wall: string): number {
  return DateTime.fromFormat(wall.slice(0, 16), 'yyyy-MM-dd HH:mm', { zone: 'utc' }).toMillis();
}
function minus(wall: string, ms: number): string {
  return DateTime.fromMillis(wallMs(wall) - ms, { zone: 'utc' }).toFormat('yyyy-MM-dd HH:mm:ss');
}
function earlier(one: string, other: string | null): string {
  return other !== null && other < one ? other : one;
}
