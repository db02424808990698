import { execFile } from 'node:child_process';
import { lchownSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { DatabaseServerError } from './errors';

const run = promisify(execFile);
const NOBODY = 65534;

/**
 * As whom PostgreSQL runs. It refuses to run as root, so root has to become somebody else who still reaches both the
 * programs and the data directory.
 */
export interface Identity {
  /** For people. */
  name: string;
  /** To whom the data directory must belong, as this process sees it; null = leave it alone. */
  owner: { uid: number; gid: number } | null;
  /** Turns a command into one that runs as this identity. */
  wrap(command: string, args: string[]): { command: string; args: string[]; uid?: number; gid?: number };
}

const self: Identity = { name: 'the present user', owner: null, wrap: (command, args) => ({ command, args }) };

/**
 * Chooses the first identity that reaches both places:
 * 1. the present user, when that is not root;
 * 2. the ordinary user to whom the data directory's folder belongs (root working in somebody's checkout);
 * 3. nobody (uid 65534);
 * 4. root itself under another number, in a user namespace: reaches what only root may enter;
 * 5. nobody with the capability to pass closed folders, where namespaces are forbidden (containers).
 * Throws `DatabaseServerError` when none does.
 */
export async function chooseIdentity(dataDir: string, program: string): Promise<Identity> {
  if (process.getuid?.() !== 0) return self;
  const parent = path.dirname(dataDir);
  mkdirSync(parent, { recursive: true });
  for (const identity of candidates(statSync(parent))) {
    if (await reaches(identity, parent, program)) return identity;
  }
  throw new DatabaseServerError(
    `PostgreSQL does not run as root, and no other user can reach both ${parent} and ${program}.`,
    'Start as an ordinary user, move the checkout to a folder others may enter, or name a server in DATABASE_URL.',
  );
}

/** Every way for root to become somebody else, in the order of preference. */
export function candidates(parent: { uid: number; gid: number }): Identity[] {
  const nobody = { uid: NOBODY, gid: NOBODY };
  const direct = (name: string, owner: { uid: number; gid: number }): Identity => ({
    name,
    owner,
    wrap: (command, args) => ({ command, args, ...owner }),
  });
  const through = (name: string, owner: { uid: number; gid: number }, tool: string[]): Identity => ({
    name,
    owner,
    wrap: (command, args) => ({ command: tool[0] ?? '', args: [...tool.slice(1), command, ...args] }),
  });
  return [
    ...(parent.uid === 0 ? [] : [direct(`user ${parent.uid}`, { uid: parent.uid, gid: parent.gid })]),
    direct('nobody', nobody),
    through('root in a user namespace', { uid: 0, gid: 0 }, [
      'unshare',
      '--user',
      `--map-user=${NOBODY}`,
      `--map-group=${NOBODY}`,
    ]),
    through('nobody with dac_override', nobody, [
      'setpriv',
      // Without it access(2) forgets the capability, and PostgreSQL asks it about its own programs.
      '--securebits=+no_setuid_fixup',
      `--reuid=${NOBODY}`,
      `--regid=${NOBODY}`,
      '--clear-groups',
      '--inh-caps=+dac_override',
      '--ambient-caps=+dac_override',
    ]),
  ];
}

/** `id -un` because initdb insists on a user with a name; no complaint because PostgreSQL must find its own folder. */
export async function reaches(identity: Identity, folder: string, program: string): Promise<boolean> {
  const probe = 'id -un >/dev/null && cd "$1" && said=$("$2" --version 2>&1 >/dev/null) && [ -z "$said" ]';
  const { command, args, uid, gid } = identity.wrap('/bin/sh', ['-c', probe, 'sh', folder, program]);
  try {
    await run(command, args, { uid, gid, cwd: '/', timeout: 15_000 });
    return true;
  } catch {
    return false;
  }
}

/** Gives a data directory to its identity, the folder itself last so that an interrupted run starts over. */
export function giveTo(identity: Identity, dir: string): void {
  if (!identity.owner) return;
  const { uid, gid } = identity.owner;
  if (statSync(dir).uid === uid) return;
  for (const entry of readdirSync(dir, { recursive: true }) as string[]) lchownSync(path.join(dir, entry), uid, gid);
  lchownSync(dir, uid, gid);
}
