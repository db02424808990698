/** Injection token of the {@link ServiceContext}. */
export const SERVICE_CONTEXT = Symbol('studybridge service context');
/** Injection token of the study's {@link Clock}. */
export const CLOCK = Symbol('studybridge clock');
/** Injection token of the redacting logger. */
export const LOGGER = Symbol('studybridge logger');
/** Injection token of the service's own DataSource. */
export const DATA_SOURCE = Symbol('studybridge data source');
/** Injection token of the bearer token that commands need, or null. */
export const OPS_TOKEN = Symbol('studybridge ops token');
/** Injection token of the job engine, for the kit's own controllers. */
export const JOB_ENGINE = Symbol('studybridge job engine');
