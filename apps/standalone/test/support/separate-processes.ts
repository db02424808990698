import axios from 'axios';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createWorld, sandboxToken } from '@studybridge/sandbox';
import { generateStudyKeys } from '@studybridge/service-kit';
import { eventually, freePort } from '@studybridge/testing';
import { startNode, type Running } from './processes';

/** What survey links begin with in one process (`SANDBOX_PORT`), and so everywhere. */
export const surveyAddress = 'http://127.0.0.1:4000/redcap';

type ServiceName = 'redcap-gateway' | 'agile-health' | 'messaging';

/** Sandbox and services as processes of their own over Kafka, the way production runs them. */
interface SeparateProcesses {
  sandboxUrl: string;
  /** Every replica's address, by service. */
  services: { name: string; url: string }[];
  opsToken: string;
  processes: Running[];
  stop(): Promise<void>;
}

/** Starts the sandbox and `replicas` of each service; resolves when all are ready. */
export async function startSeparateProcesses(o: {
  folder: string;
  /** How many families the study has. */
  pairs: number;
  /** One database for each service. */
  databases: Record<ServiceName, string>;
  brokers: string[];
  replicas: { name: ServiceName; count: number }[];
}): Promise<SeparateProcesses> {
  const keys = path.join(o.folder, 'study-keys');
  writeFileSync(keys, generateStudyKeys(['ismile']), { mode: 0o600 });
  const opsToken = 'operator-of-the-test';
  const sandboxPort = await freePort();
  const sandboxUrl = `http://127.0.0.1:${sandboxPort}`;
  const mailPort = await freePort();
  const sandboxArguments = [
    ...['--cohort', `ismile-${o.pairs}`, '--port', String(sandboxPort), '--mail-port', String(mailPort)],
    ...['--public-url', surveyAddress, '--sms-rate', '0'],
  ];
  const processes: Running[] = [startNode('apps/sandbox/dist/main.js', sandboxArguments, {})];
  const settings: Record<ServiceName, Record<string, string>> = {
    'redcap-gateway': {
      REDCAP_URL: `${sandboxUrl}/redcap/api/`,
      REDCAP_TOKEN_ISMILE: sandboxToken('ismile'),
      REDCAP_CALLS_PER_MINUTE: '0',
    },
    'agile-health': { AGILE_HEALTH_URL: `${sandboxUrl}/agile`, AGILE_HEALTH_KEY: sandboxToken('agile-health') },
    messaging: messagingSettings(sandboxUrl, mailPort),
  };
  const services: { name: string; url: string }[] = [];
  for (const { name, count } of o.replicas) {
    for (let replica = 0; replica < count; replica += 1) {
      const port = await freePort();
      services.push({ name, url: `http://127.0.0.1:${port}` });
      processes.push(
        startNode(`apps/${name}/dist/main.js`, [], {
          PORT: String(port),
          [`DATABASE_URL_${name.toUpperCase().replace('-', '_')}`]: o.databases[name],
          KAFKA_BROKERS: o.brokers.join(','),
          STUDY_KEYS_FILE: keys,
          STUDYBRIDGE_ENVIRONMENT: 'sandbox',
          STUDY_CLOCK_URL: `${sandboxUrl}/__sandbox/clock`,
          OPS_TOKEN: opsToken,
          ...settings[name],
        }),
      );
    }
  }
  const stop = async (): Promise<void> => {
    for (const { child } of processes) child.kill('SIGTERM');
    await Promise.all(processes.map((running) => running.finished));
  };
  try {
    for (const url of [`${sandboxUrl}/__sandbox/clock`, ...services.map((service) => `${service.url}/health/ready`)]) {
      await eventually(async () => (await axios.get(url)).status === 200, { timeoutMs: 60_000, what: url });
    }
  } catch (error) {
    await stop();
    throw new Error(processes.map((running) => running.output()).join('\n'), { cause: error });
  }
  return { sandboxUrl, services, opsToken, processes, stop };
}

/** What messaging is told of the sandbox's Twilio and mailbox: the same as in one process. */
function messagingSettings(sandboxUrl: string, mailPort: number): Record<string, string> {
  const { accountSid, authToken, numbers } = createWorld({}).twilio;
  const fast = { segmentsPerSecond: 1_000, messageEveryMs: 0 };
  return {
    STUDIES: 'ismile',
    TWILIO_URL: sandboxUrl,
    TWILIO_ACCOUNT_SID: accountSid,
    TWILIO_AUTH_TOKEN: authToken,
    SENDERS: JSON.stringify([
      { number: numbers[0]!.phoneNumber, binding: 'ismile.sandbox', ...fast },
      { number: numbers[1]!.phoneNumber, purpose: 'operator', ...fast },
    ]),
    SMTP_HOST: '127.0.0.1',
    SMTP_PORT: String(mailPort),
    SMTP_TLS: 'off',
    MAIL_FROM: 'studybridge@sandbox.example',
    OPERATOR_EMAIL: 'operator@sandbox.example',
    OPERATOR_PHONE: '+12025550190',
    JOB_MAILS: '*=failures',
  };
}

/** Lets the sandbox play its timeline to the end over these services. Throws what the conductor says when it gives up. */
export async function playToTheEnd(
  sandboxUrl: string,
  services: { name: string; url: string }[],
  opsToken: string,
): Promise<void> {
  const answer = await axios.post<string>(
    `${sandboxUrl}/__sandbox/play`,
    { services, opsToken },
    { responseType: 'text', timeout: 0 },
  );
  const last = JSON.parse(answer.data.trimEnd().split('\n').at(-1) ?? '{}') as { error?: string };
  if (last.error) throw new Error(last.error);
}
