/** What a provider said of a message, by whichever way it came. Instants are the provider's. */
export interface News {
  /** `create`: the answer to our post; `poll`: fetched by SID; `list`: found; `callback`: a webhook; `person`: settled by hand. */
  source: 'create' | 'poll' | 'list' | 'callback' | 'person';
  sid: string;
  /** The provider's own word: Twilio's status, `sent` for an accepted mail. */
  status: string;
  /** Only meaningful with a failed or undelivered status (messaging.md §1). */
  errorCode: string | null;
  segments: number | null;
  price: string | null;
  createdAt: Date | null;
  updatedAt: Date | null;
  /** Makes the same news the same row; null: made of status and error code. */
  dedup: string | null;
  /** As it came, without numbers, addresses and text. */
  raw: Record<string, unknown>;
}
