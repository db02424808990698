import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { StudybridgeError, type Sealed } from '@studybridge/contracts';
import { rememberSecret } from '../logging/scrub-text';
import { parseStudyKeys, type StudyKeys } from './study-keys';

/** Seals identifying fields under a study's key and makes keyed fingerprints where equality is needed (law 9). */
export interface Sealer {
  /** Seals any JSON value with AES-256-GCM; study and context are associated data, so an envelope opens only where it belongs. */
  seal(study: string, context: string, value: unknown): Sealed;
  /** Opens an envelope. Throws STUDY_KEY_MISSING (setting) or SEAL_BROKEN (bug: other context, changed data, other key). */
  open<T>(study: string, context: string, sealed: Sealed): T;
  /** HMAC-SHA256 in hex under a key of its own per study and purpose. */
  fingerprint(study: string, purpose: string, text: string): string;
}

const tagBytes = 16;

class StudySealer implements Sealer {
  private readonly derived = new Map<string, Buffer>();

  constructor(private readonly studies: StudyKeys) {}

  seal(study: string, context: string, value: unknown): Sealed {
    const keyId = this.keysOf(study).current;
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.key(study, keyId, 'seal'), nonce);
    cipher.setAAD(associatedData(study, context));
    const text = JSON.stringify(value ?? null);
    const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return { keyId, nonce: nonce.toString('base64'), data: data.toString('base64') };
  }

  open<T>(study: string, context: string, sealed: Sealed): T {
    const key = this.key(study, sealed.keyId, 'seal');
    try {
      const data = Buffer.from(sealed.data, 'base64');
      const options = { authTagLength: tagBytes };
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(sealed.nonce, 'base64'), options);
      decipher.setAAD(associatedData(study, context));
      decipher.setAuthTag(data.subarray(-tagBytes));
      const text = Buffer.concat([decipher.update(data.subarray(0, -tagBytes)), decipher.final()]).toString('utf8');
      return JSON.parse(text) as T;
    } catch {
      throw new StudybridgeError(`A sealed envelope of ${study} does not open.`, {
        code: 'SEAL_BROKEN',
        errorClass: 'bug',
        remedy: 'Check that the study keys are the ones the data was sealed with.',
      });
    }
  }

  fingerprint(study: string, purpose: string, text: string): string {
    const keys = this.keysOf(study);
    // The oldest key stays the one for fingerprints, or a rotation would make equal values differ.
    const keyId = keys.fingerprint ?? Object.keys(keys.keys)[0] ?? keys.current;
    return createHmac('sha256', this.key(study, keyId, `fingerprint:${purpose}`))
      .update(text, 'utf8')
      .digest('hex');
  }

  private keysOf(study: string): StudyKeys[string] {
    const keys = this.studies[study];
    if (keys === undefined) throw keyMissing(study);
    return keys;
  }

  private key(study: string, keyId: string, purpose: string): Buffer {
    const name = `${study}\n${keyId}\n${purpose}`;
    const known = this.derived.get(name);
    if (known !== undefined) return known;
    const master = this.keysOf(study).keys[keyId];
    if (master === undefined) throw keyMissing(study);
    const key = Buffer.from(hkdfSync('sha256', Buffer.from(master, 'base64'), study, `studybridge ${purpose}`, 32));
    this.derived.set(name, key);
    return key;
  }
}

function associatedData(study: string, context: string): Buffer {
  return Buffer.from(JSON.stringify(['studybridge', 1, study, context]), 'utf8');
}

function keyMissing(study: string): StudybridgeError {
  return new StudybridgeError(`There is no key for study ${study}, or not the one an envelope was sealed with.`, {
    code: 'STUDY_KEY_MISSING',
    errorClass: 'setting',
    remedy: 'Add the key to STUDY_KEYS or its file; keep retired keys listed.',
  });
}

/** A sealer over the keys of STUDY_KEYS. Throws STUDY_KEYS_INVALID (setting). */
export function createSealer(keysJson: string): Sealer {
  const keys = parseStudyKeys(keysJson);
  if (keys === null) {
    throw new StudybridgeError('STUDY_KEYS is not a set of study keys.', {
      code: 'STUDY_KEYS_INVALID',
      errorClass: 'setting',
      remedy: 'Give per study: current, and keys of 32 bytes in base64.',
    });
  }
  for (const study of Object.values(keys)) Object.values(study.keys).forEach(rememberSecret);
  return new StudySealer(keys);
}
