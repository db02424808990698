import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { StudybridgeError } from '@studybridge/contracts';
import { findCommand, parseArguments } from './ops-arguments';
import { ServiceClient, type ServiceAddress } from './services-client';

const usage = `npm run ops -- <command> [name=value …]      gives a command to the services that know it
npm run ops                                  lists the commands
npm run ops -- status                        what each service says of itself

Examples
  npm run ops -- jobs list
  npm run ops -- jobs run name=redcap-poll
  npm run ops -- jobs run name=agile-status dryRun=true
  npm run ops -- parked list
  npm run ops -- enrolment release participantId=<id>

Addresses come from OPS_SERVICES (name=url,name=url) with OPS_TOKEN or OPS_TOKEN_FILE, or from the running npm start.`;

const top = path.resolve(__dirname, '../../..');

async function main(words: string[]): Promise<void> {
  if (words.includes('--help')) return console.log(usage);
  const clients = findServices();
  if (words.length === 0) {
    console.log(`${usage}\n`);
    for (const client of clients) {
      console.log(client.service.name);
      for (const { command, help, arguments: names } of await client.commands()) {
        console.log(`  ${[command.replace('.', ' '), ...names.map((name) => `[${name}=…]`)].join(' ')}\n      ${help}`);
      }
    }
    return;
  }
  if (words[0] === 'status') {
    for (const client of clients) print(client.service.name, await client.status());
    return;
  }
  const known = await Promise.all(clients.map(async (client) => ({ client, commands: await client.commands() })));
  const { command, rest } = findCommand(
    words,
    known.flatMap((entry) => entry.commands.map((each) => each.command)),
  );
  const takers = known.filter((entry) => entry.commands.some((each) => each.command === command));
  const args = parseArguments(rest);
  const only = args.service;
  delete args.service;
  for (const { client } of takers) {
    if (only !== undefined && client.service.name !== only) continue;
    print(client.service.name, await client.command(command, args));
  }
}

function findServices(): ServiceClient[] {
  const tokenFile = process.env.OPS_TOKEN_FILE;
  const token = process.env.OPS_TOKEN ?? (tokenFile ? readFileSync(tokenFile, 'utf8').trim() : undefined);
  const listed = process.env.OPS_SERVICES;
  if (listed) {
    return listed.split(',').map((pair) => {
      const [name = '', url = ''] = pair.split(/=(.*)/s);
      return new ServiceClient({ name, url }, token);
    });
  }
  const data = process.env.STUDYBRIDGE_DATA ?? path.join(top, '.data');
  const file = path.join(data, 'services.json');
  if (!existsSync(file)) {
    throw new StudybridgeError('No running Studybridge was found.', {
      code: 'NOT_RUNNING',
      errorClass: 'setting',
      remedy: 'Run `npm start` in another terminal, or name the services with OPS_SERVICES.',
    });
  }
  const { services } = JSON.parse(readFileSync(file, 'utf8')) as { services: ServiceAddress[] };
  const ownToken = path.join(data, 'keys', 'ops-token');
  return services.map(
    (service) =>
      new ServiceClient(service, token ?? (existsSync(ownToken) ? readFileSync(ownToken, 'utf8').trim() : undefined)),
  );
}

function print(service: string, answer: unknown): void {
  console.log(`${service}\n${JSON.stringify(answer, null, 2)}`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof StudybridgeError ? `${error.message} ${error.remedy}` : String(error));
  process.exitCode = 1;
});
