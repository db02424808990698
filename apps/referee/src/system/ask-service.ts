import { idleAnswerSchema, type IdleAnswer } from '@studybridge/contracts';

/** Asks one process whether it has anything left to do; a sentence when it gives no answer. */
export async function askIdle(url: string): Promise<IdleAnswer | string> {
  try {
    const response = await fetch(`${url}/idle`, { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) return `answers /idle with ${response.status}`;
    const parsed = idleAnswerSchema.safeParse(await response.json());
    return parsed.success ? parsed.data : 'answers /idle with something else';
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause?.code;
    return `cannot be reached (${cause ?? (error as Error).name})`;
  }
}

/** Gives one process a command of `ops`. Throws with what it answered when it refuses. */
export async function command<T>(
  url: string,
  opsToken: string,
  name: string,
  args: Record<string, unknown> = {},
): Promise<T> {
  const response = await fetch(`${url}/ops`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${opsToken}` },
    body: JSON.stringify({ command: name, arguments: args }),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} refused ${name}: ${response.status} ${text.slice(0, 300)}`);
  return (JSON.parse(text) as { result: T }).result;
}
