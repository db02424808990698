import { StudybridgeError } from '@studybridge/contracts';

/** Something the person who runs the sandbox can put right; its message is a sentence for them. */
export class SandboxError extends StudybridgeError {}

/** A `setting` error of the sandbox. */
export function sandboxError(code: string, message: string, remedy: string, cause?: unknown): SandboxError {
  return new SandboxError(message, { code, errorClass: 'setting', remedy, cause });
}
