/** Gives a service a command of `POST /ops`, as an operator would, and gives its result. Throws with the whole answer when it is refused. */
export async function giveCommand<T>(serviceUrl: string, command: string, args: object = {}): Promise<T> {
  const answer = await fetch(`${serviceUrl}/ops`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ command, arguments: args }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return (JSON.parse(text) as { result: T }).result;
}
