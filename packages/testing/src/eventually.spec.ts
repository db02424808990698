import { eventually } from './eventually';

describe('eventually', () => {
  it('gives the first truthy answer, passing over errors', async () => {
    const answers = [
      () => 0,
      () => {
        throw new Error('not yet');
      },
      () => 'done',
    ];
    await expect(eventually(() => answers.shift()?.())).resolves.toBe('done');
    expect(answers).toHaveLength(0);
  });

  it('says what it waited for and what came last', async () => {
    await expect(eventually(() => null, { timeoutMs: 20, what: 'the member' })).rejects.toThrow(
      'Waited 0.02 s for the member; the last answer was null',
    );
    const failing = () => Promise.reject(new Error('closed'));
    await expect(eventually(failing, { timeoutMs: 20 })).rejects.toThrow('the last error was: closed');
  });
});
