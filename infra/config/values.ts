/** How the text of a config value becomes a value. Each parser returns `undefined` for what is not allowed. */
import { isIP } from 'node:net';

export interface Kind<T> {
  /** What is allowed, in words that fit behind "expected". */
  readonly allowed: string;
  /** An example for the command that sets it. */
  readonly example: string;
  parse(text: string): T | undefined;
  /** What is wrong with a value that `parse` refuses, in words that fit behind "it"; where `allowed` says too little. */
  problems?(text: string): readonly string[];
}

export const flag: Kind<boolean> = {
  allowed: 'true or false',
  example: 'true',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
};

export const number = (options: {
  min: number;
  max: number;
  unit?: string;
  whole?: boolean;
}): Kind<number> => ({
  allowed:
    `a ${options.whole ? 'whole ' : ''}number from ${options.min} to ${options.max}` +
    (options.unit ? ` (${options.unit})` : ''),
  example: String(options.min),
  parse: (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    const fits = value >= options.min && value <= options.max;
    return fits && (!options.whole || Number.isInteger(value)) ? value : undefined;
  },
});

/** 0, which means "never" or "off", besides what `kind` allows. */
export const zeroOr = (kind: Kind<number>): Kind<number> => ({
  allowed: `0, or ${kind.allowed}`,
  example: kind.example,
  parse: (text) => (Number(text) === 0 && text.trim() !== '' ? 0 : kind.parse(text)),
});

export const matching = (pattern: RegExp, allowed: string, example: string): Kind<string> => ({
  allowed,
  example,
  parse: (text) => (pattern.test(text) ? text : undefined),
});

export const oneOf = <const C extends readonly [string, ...string[]]>(
  ...choices: C
): Kind<C[number]> => ({
  allowed: `one of ${choices.join(', ')}`,
  example: choices[0],
  parse: (text) => choices.find((choice) => choice === text),
});

/** A list separated by commas, each word of one kind. */
export const listOf = (word: Kind<string>): Kind<readonly string[]> => ({
  allowed: `${word.allowed}, several separated by commas`,
  example: word.example,
  parse: (text) => {
    const words = text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
    return words.every((part) => word.parse(part) !== undefined) ? words : undefined;
  },
});

export const httpUrl: Kind<URL> = {
  allowed: 'an http or https URL without user, password, path or query',
  example: 'https://dremio.your-company.com:9047',
  parse: (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || !['http:', 'https:'].includes(url.protocol)) return undefined;
    const plain =
      !url.username && !url.password && !url.search && !url.hash && url.pathname === '/';
    return plain ? url : undefined;
  },
};

export const certificate: Kind<string> = {
  allowed: 'certificates as PEM text',
  example: '@ca.pem',
  parse: (text) =>
    /^-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----\s*$/.test(text.trim())
      ? `${text.trim()}\n`
      : undefined,
};

/** Parameters may stand before the key that has them (`openssl ecparam -genkey`); nobody needs them twice. */
const KEY_PEM =
  /^(?:-----BEGIN EC PARAMETERS-----[^-]+-----END EC PARAMETERS-----\s+)?(-----BEGIN (?:EC |RSA )?PRIVATE KEY-----[\s\S]+-----END (?:EC |RSA )?PRIVATE KEY-----)$/;

export const privateKey: Kind<string> = {
  allowed: 'a private key as PEM text, without a passphrase',
  example: '',
  parse: (text) => {
    const key = KEY_PEM.exec(text.trim())?.[1];
    return key === undefined ? undefined : `${key}\n`;
  },
};

/** Addresses of a network, as RFC 4632 writes them; a single address counts as a network of one. */
export const network: Kind<string> = {
  allowed: 'an IP address or a network such as 10.0.0.0/8',
  example: '10.0.0.0/8',
  parse: (text) => {
    const [address = '', length, ...more] = text.split('/');
    const bits = { 4: 32, 6: 128 }[isIP(address)];
    if (bits === undefined || more.length > 0) return undefined;
    const fits = length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= bits);
    return fits ? text : undefined;
  },
};
