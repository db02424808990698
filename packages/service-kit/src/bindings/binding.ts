/** When something runs: a cron expression in a named IANA zone. */
export interface Schedule {
  cron: string;
  zone: string;
}

/** A REDCap project of a binding, as seen by the one service that holds tokens (law 5). */
export interface ProjectBinding {
  /** The full API address. */
  url: string;
  token: string;
  /** What the token must open; what is not given is pinned at first use. */
  expect?: { projectId?: number; title?: string; production?: boolean };
  /** IANA zone of the REDCap server's wall time. */
  serverZone?: string;
}

/** One study in one environment (DESIGN.md, Bindings). A service sees only the parts it said it needs. */
export interface Binding {
  /** `study.environment`, e.g. `ismile.production`. */
  id: string;
  study: string;
  environment: string;
  /** Facts dated before it send nothing by themselves (law 7); null = not live yet. */
  goLiveAt: Date | null;
  /** By role, e.g. `main`; empty for services that do not need REDCap. */
  projects: Record<string, ProjectBinding>;
  agileHealth?: { url: string; key: string };
  /** Which jobs are on and when they run, where it differs from the study's own schedules. */
  jobs: Record<string, { on?: boolean; schedules?: Schedule[] }>;
}

/** An outside system that a service speaks to. */
export type Need = 'redcap' | 'agileHealth';
