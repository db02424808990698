import type { ChoiceSpacing } from './project-xml/load-design';

/** What becomes of calculated values that are loaded. */
export type Calcs = 'keep' | 'drop' | 'recompute';

/** Choices of the server as a whole, each with its default. */
export interface RedcapOptions {
  /** What `content=version` says; `15.2.1`. */
  version?: string;
  /** Largest body taken, in bytes; 64 MiB. */
  bodyLimit?: number;
  /** 64 characters with which projects may be made through the API; none by default. */
  superToken?: string;
  /** Whose projects those are; `api_user`. */
  superUser?: string;
  /** What that user may do in them: all, or what servers that were seen give (no deleting, renaming, locking). All. */
  creatorRights?: 'all' | 'as-seen';
  /** Address under which participants reach the server, for survey links; by default that of the call itself. */
  publicUrl?: string;
  /** Calls an address may make in a minute before it is banned, as REDCap's limiter does; 0 for any number, the default. */
  rateLimit?: number;
}

/** Choices when a project is added. */
export interface AddProjectOptions {
  /**
   * What becomes of calculated values in the XML (§3.6): kept, as REDCap's own upload does; dropped, as its API does; or reckoned
   * anew from the other values. `keep`. Whatever is saved later is recalculated in any case.
   */
  calcs?: Calcs;
  /** Whose token it is; `api_user`. */
  username?: string;
  /** How the dictionary tells choices; `as-is`. */
  choiceSpacing?: ChoiceSpacing;
}
