import { StudybridgeError } from '@studybridge/contracts';
import { codebookCommand } from './codebook-command';

codebookCommand(process.argv.slice(2), process.env)
  .then((text) => void process.stdout.write(text))
  .catch((error: unknown) => {
    // The message alone: whatever a library adds might hold the request.
    const words = error instanceof Error ? error.message : 'It failed.';
    process.stderr.write(`${words}\n${error instanceof StudybridgeError ? `${error.remedy}\n` : ''}`);
    process.exitCode = 1;
  });
