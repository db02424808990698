import { z } from 'zod';

const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  );

const modes = z.enum(['every', 'failures', 'never']);
/** When a job's runs end in a mail. */
export type MailMode = z.infer<typeof modes>;

/** Jobs that run many times a day: only what goes wrong, and one line in the daily summary. */
const frequent: Readonly<Record<string, MailMode>> = {
  'redcap-poll': 'failures',
  replies: 'failures',
  'message-due': 'failures',
  'message-follow-up': 'failures',
  'job-summary': 'failures',
};

/** Settings of what operators are told. */
export const jobResultSettings = {
  /** Who gets the jobs' results, addresses separated by commas; none: nobody is mailed. */
  OPERATOR_EMAIL: list,
  /** Who is texted when something goes wrong, E.164, separated by commas. */
  OPERATOR_PHONE: list.refine(
    (all) => all.every((one) => /^\+[1-9]\d{6,14}$/.test(one)),
    'not numbers like +16175550123.',
  ),
  /** `job=every|failures|never`, separated by commas; `*` stands for every job not named. Beside the defaults of frequent jobs. */
  JOB_MAILS: z
    .string()
    .default('')
    .transform((text, issues): ((job: string) => MailMode) => {
      const own: Record<string, MailMode> = {};
      for (const part of text.split(',').filter((one) => one.trim() !== '')) {
        const [job = '', word = ''] = part.split('=').map((one) => one.trim());
        const mode = modes.safeParse(word);
        if (!mode.success || job === '')
          issues.addIssue({ code: 'custom', message: 'not like redcap-poll=failures,*=every.' });
        else own[job] = mode.data;
      }
      return (job) => own[job] ?? (own['*'] === undefined ? frequent[job] : undefined) ?? own['*'] ?? 'every';
    }),
  /** When the summary of the last day is mailed, per binding, as a cron expression in the study's zone; `off`: never. */
  JOB_SUMMARY_CRON: z.string().default('0 7 * * *'),
  /** Mails about single runs of a binding per day (study time); the summary still names what was left out. */
  JOB_MAILS_PER_DAY: z.coerce.number().int().min(1).max(10_000).default(60),
  /** At most one text to an operator in so many minutes of study time; what happens meanwhile goes into the next. */
  OPERATOR_TEXT_EVERY_MINUTES: z.coerce.number().int().min(1).max(1_440).default(15),
  OPERATOR_TEXTS_PER_DAY: z.coerce.number().int().min(1).max(1_000).default(20),
  /** A job whose next run has not ended so many minutes after it should have begun is missed. */
  JOB_MISSED_AFTER_MINUTES: z.coerce.number().int().min(1).max(10_080).default(60),
  /** Without news for this many times its longest usual pause, and this many days at least, a job has gone quiet. */
  JOB_QUIET_FACTOR: z.coerce.number().min(1).max(100).default(3),
  JOB_QUIET_DAYS: z.coerce.number().min(0).max(400).default(5),
};
