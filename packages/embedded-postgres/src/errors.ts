/** PostgreSQL could not be had. The message says what happened, `remedy` what the reader can do about it. */
export class DatabaseServerError extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(`${message} ${remedy}`);
    this.name = 'DatabaseServerError';
    this.remedy = remedy;
  }
}
