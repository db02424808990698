import { StudybridgeError } from '@studybridge/contracts';

type Env = Record<string, string | undefined>;

/** Which outside addresses are the user's own; what is not is played by the sandbox. */
export interface OwnWorld {
  redcap: boolean;
  agileHealth: boolean;
  twilio: boolean;
  mail: boolean;
}

/** Whether the sandbox is the whole outside world, so that its time is everybody's. */
export function isPlayed(own: OwnWorld): boolean {
  return !own.redcap && !own.agileHealth && !own.twilio && !own.mail;
}

/**
 * Whether the sandbox plays Twilio. Real families of a REDCap of one's own are texted by a real account or not at all: what a
 * stand-in called delivered would stand in their records.
 */
export function playsTexts(own: OwnWorld): boolean {
  return !own.redcap && !own.twilio;
}

/** Whether the sandbox takes the mail; see {@link playsTexts}. */
export function playsMail(own: OwnWorld): boolean {
  return !own.redcap && !own.mail;
}

const has = (env: Env, name: string): boolean => Boolean(env[name]?.trim() || env[`${name}_FILE`]?.trim());

/**
 * Finds out which sides are the user's own. Throws one `setting` error with every half-given pair, so that nobody's real
 * token meets the sandbox or the reverse.
 */
export function ownWorld(env: Env): OwnWorld {
  if (env.BINDINGS_FILE?.trim()) return { redcap: true, agileHealth: true, twilio: true, mail: true };
  const complaints: string[] = [];
  const side = (address: string, secret: string): boolean => {
    const given = [has(env, address), has(env, secret)];
    if (given[0] !== given[1])
      complaints.push(
        given[0]
          ? `${address} is set but ${secret} (or ${secret}_FILE) is not`
          : `${secret} is set but ${address} is not`,
      );
    return given.every(Boolean);
  };
  const world = {
    redcap: side('REDCAP_URL', 'REDCAP_TOKEN_ISMILE'),
    agileHealth: side('AGILE_HEALTH_URL', 'AGILE_HEALTH_KEY'),
    twilio: side('TWILIO_ACCOUNT_SID', 'TWILIO_AUTH_TOKEN'),
    mail: side('SMTP_HOST', 'MAIL_FROM'),
  };
  if (complaints.length > 0) {
    throw new StudybridgeError(`${complaints.join('; ')}.`, {
      code: 'SETTINGS',
      errorClass: 'setting',
      remedy: 'Set both of a pair to use your own server, or neither to use the sandbox.',
    });
  }
  return world;
}
