import { StudybridgeError } from '@studybridge/contracts';
import type { z } from 'zod';

interface OpsCommand {
  schema: z.ZodObject;
  handler: (args: Record<string, unknown>) => Promise<unknown>;
  help: string;
}

/** The operator's commands of one service, and what `GET /status` says. */
export class OpsRegistry {
  private readonly commands = new Map<string, OpsCommand>();
  private readonly statuses: { name: string; tell: () => Promise<object> }[] = [];

  /** Adds a command such as `jobs.run`. Unknown arguments are refused. Throws when the name is taken. */
  add<S extends z.ZodObject>(
    command: string,
    schema: S,
    handler: (args: z.infer<S>) => Promise<unknown>,
    help: string,
  ): void {
    if (this.commands.has(command)) {
      throw new StudybridgeError(`The command ${command} is added twice.`, {
        code: 'COMMAND_TWICE',
        errorClass: 'bug',
        remedy: 'Give one of them another name.',
      });
    }
    const handle = handler as (args: Record<string, unknown>) => Promise<unknown>;
    this.commands.set(command, { schema: schema.strict(), handler: handle, help });
  }

  /** Runs a command. Throws UNKNOWN_COMMAND or BAD_ARGUMENTS (participant class: the caller's affair, nothing retries it). */
  async dispatch(command: string, args: unknown): Promise<unknown> {
    const known = this.commands.get(command);
    if (known === undefined) {
      throw new StudybridgeError('There is no such command.', {
        code: 'UNKNOWN_COMMAND',
        errorClass: 'participant',
        remedy: 'GET /ops lists the commands.',
      });
    }
    const parsed = known.schema.safeParse(args ?? {});
    if (!parsed.success) {
      const names = parsed.error.issues.map((issue) =>
        issue.code === 'unrecognized_keys' ? `${issue.keys.join(', ')} (unknown)` : issue.path.join('.'),
      );
      throw new StudybridgeError(`The command ${command} does not take these arguments: ${names.join('; ')}.`, {
        code: 'BAD_ARGUMENTS',
        errorClass: 'participant',
        remedy: `${known.help} Arguments: ${Object.keys(known.schema.shape).join(', ') || 'none'}.`,
      });
    }
    return known.handler(parsed.data);
  }

  /** What `GET /ops` lists. */
  list(): { command: string; help: string; arguments: string[] }[] {
    return [...this.commands]
      .map(([command, { help, schema }]) => ({ command, help, arguments: Object.keys(schema.shape) }))
      .sort((a, b) => a.command.localeCompare(b.command));
  }

  /**
   * Adds to `GET /status`. The keys of the object stand at the top level of the answer (`name` is only for errors);
   * objects under the same key are merged and numbers under the same path added, so several rooms may count `attention`.
   */
  addStatus(name: string, tell: () => Promise<object>): void {
    this.statuses.push({ name, tell });
  }

  /** All statuses merged. */
  async status(): Promise<Record<string, unknown>> {
    const parts = await Promise.all(this.statuses.map(({ tell }) => tell()));
    return parts.reduce<Record<string, unknown>>((merged, part) => merge(merged, part as Record<string, unknown>), {});
  }
}

function merge(left: Record<string, unknown>, right: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...left };
  for (const [key, value] of Object.entries(right)) {
    const before = merged[key];
    if (isPlain(before) && isPlain(value)) merged[key] = merge(before, value);
    else if (typeof before === 'number' && typeof value === 'number') merged[key] = before + value;
    else merged[key] = value;
  }
  return merged;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
