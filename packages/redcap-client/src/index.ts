export { createRedcapClient } from './client';
export type { ImportOptions, LogQuery, RecordQuery, RedcapClient } from './client';
export type { CallReport, RedcapClientOptions, RedcapHttp } from './call';
export * from './errors';
export type { FlatRow } from './read-csv';
export type { ArmRow, EventRow, LogRow, MappingRow, MetadataRow, ProjectInfo, RepeatingRow, UserRow } from './types';
export { earliestWallTime, wallTime } from './wall-time';
