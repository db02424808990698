import { StudybridgeError } from '@studybridge/contracts';
import { createWorld, type World } from '@studybridge/sandbox';
import { ismileCohort } from '@studybridge/studies';
import { readOptions, usage, type SandboxOptions } from './read-options';

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options.help) return console.log(usage);
  const world = openWorld(options);
  const { url } = await world.listen(options.port, options.host);
  // What was kept in a state file is as old as its last run.
  if (options.speed === 'present' && world.now.getTime() < Date.now()) world.advanceTo(new Date());
  const lying = new Set(world.faults().map(({ target, fault }) => JSON.stringify({ target, fault })));
  for (const { target, fault } of options.faults) {
    // A world that comes back from its state file has met or kept the faults of its first start.
    if (!lying.has(JSON.stringify({ target, fault }))) world.addFault(target, fault);
  }
  console.log(describe(world, url, options));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void world.close().then(() => process.exit(0)));
  }
}

function openWorld(options: SandboxOptions): World {
  return createWorld({
    cohort: options.pairs === null ? undefined : ismileCohort({ pairs: options.pairs }),
    projects: options.projects,
    redcap: options.redcap,
    serverZone: options.serverZone,
    stateFile: options.stateFile,
    speed: options.speed === 'present' ? 1 : options.speed,
    latencyMs: options.latencyMs,
    mail: { port: options.mailPort },
    twilio: { mps: options.smsRate },
  });
}

function describe(world: World, url: string, { redcap }: SandboxOptions): string {
  return [
    ...world.tokens.map(({ project, token }) => `REDCap project  ${project}: token ${token}`),
    `REDCap API      ${url}/redcap/api/   version ${redcap.version ?? '15.2.1'}${redcap.superToken ? ', makes projects by super token' : ''}`,
    `Agile Health    ${url}/agile   programmes ${world.agile.programs.join(', ')}   key ${world.agile.key}`,
    `Twilio          ${url}/twilio   account ${world.twilio.accountSid}   token ${world.twilio.authToken}`,
    ...world.twilio.numbers.map(
      ({ phoneNumber, kind, mps }) =>
        `  sender        ${phoneNumber} (${kind}, ${mps > 0 ? `${mps}/s` : 'any number'})`,
    ),
    `Handsets        ${url}/handsets`,
    `Mailbox         smtp://${world.mail.host}:${world.mail.port}   to read at ${url}/mailbox`,
    `Study clock     ${url}/__sandbox/clock   now ${world.now.toISOString()}`,
    `Page to look at ${url}/`,
    `sandbox ready at ${url}`,
  ].join('\n');
}

main().catch((error: unknown) => {
  if (error instanceof StudybridgeError) console.error(`${error.message} ${error.remedy}`);
  else console.error(error);
  process.exitCode = 1;
});
