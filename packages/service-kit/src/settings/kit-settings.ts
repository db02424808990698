import { z } from 'zod';
import { parseStudyKeys } from '../sealing/study-keys';
import { parseUrl } from './parse-url';

const httpUrl = z.string().refine((text) => /^https?:$/.test(parseUrl(text)?.protocol ?? ''), {
  message: 'not an http or https address.',
});

/** The settings that every service has; apps extend it (`kitSettings.extend({…})`). Values arrive as strings. */
export const kitSettings = z.object({
  /** 0 = any free port. */
  PORT: z.coerce.number().int().min(0).max(65535).default(0),
  HOST: z.string().default('127.0.0.1'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  /** After reading: the service's own database. */
  DATABASE_URL: z.string(),
  /** JSON as {@link generateStudyKeys} writes it. */
  STUDY_KEYS: z.string().refine((text) => parseStudyKeys(text) !== null, {
    message: 'not a set of study keys (per study: current, and keys of 32 bytes in base64).',
  }),
  /** Where the world's time is served; real time when not set. */
  STUDY_CLOCK_URL: httpUrl.optional(),
  /** What `POST /ops` asks for as a bearer token. */
  OPS_TOKEN: z.string().min(16).optional(),
  /** Comma-separated host:port. */
  KAFKA_BROKERS: z.string().optional(),
  STUDYBRIDGE_ENVIRONMENT: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/)
    .default('production'),
  /** Recorded with every job run. */
  STUDYBRIDGE_VERSION: z.string().default('0.1.0'),
  BINDINGS_FILE: z.string().optional(),
});
/** The settings, read. */
export type KitSettings = z.infer<typeof kitSettings>;
