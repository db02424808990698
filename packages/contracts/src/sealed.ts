import { z } from 'zod';

/**
 * The identifying fields of one row, sealed (law 9): AES-256-GCM under the study's key. `keyId` names the key, `nonce` and
 * `data` (ciphertext with its tag) are base64. The context it was sealed for is associated data, not stored.
 */
export const sealedSchema = z.object({ keyId: z.string().min(1), nonce: z.string().min(1), data: z.string().min(1) });
/** See {@link sealedSchema}. */
export type Sealed = z.infer<typeof sealedSchema>;
