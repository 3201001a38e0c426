import { runOk } from './process.ts';

/** TXT records by name, without the final dot. */
export type Texts = Readonly<Record<string, string>>;

const VERIFY = `
import dkim, json, sys
given = json.load(sys.stdin)
texts = given["texts"]
def answer(name, timeout=5):
    text = texts.get(name.decode().rstrip("."))
    return None if text is None else text.encode("latin-1")
message = given["message"].encode("latin-1")
verifier = dkim.DKIM(message)
count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
results = []
for index in range(count):
    try:
        results.append(bool(verifier.verify(idx=index, dnsfunc=answer)))
    except dkim.DKIMException as fault:
        results.append(False)
print(json.dumps(results))
`;

const SIGN = `
import dkim, json, sys
given = json.load(sys.stdin)
field = dkim.sign(given["message"].encode("latin-1"), given["selector"].encode(),
    given["domain"].encode(), given["key"].encode(),
    canonicalize=tuple(one.encode() for one in given["canonicalize"]),
    signature_algorithm=given["algorithm"].encode(),
    include_headers=[b"from", b"to", b"subject", b"date", b"message-id"])
sys.stdout.write(field.decode("latin-1"))
`;

/** Every DKIM signature of a message, as dkimpy finds it: true is good. */
export async function verifyByDkimpy(message: Buffer, texts: Texts): Promise<readonly boolean[]> {
  const input = JSON.stringify({ message: message.toString('latin1'), texts });
  return JSON.parse(String(await python(VERIFY, input))) as boolean[];
}

/** The message with a signature of dkimpy on top. */
export async function signByDkimpy(
  message: Buffer,
  how: {
    readonly selector: string;
    readonly domain: string;
    /** PEM for RSA; for Ed25519 the 32 octets in base64. */
    readonly key: string;
    readonly algorithm: 'rsa-sha256' | 'ed25519-sha256';
    readonly canonicalize: readonly ['simple' | 'relaxed', 'simple' | 'relaxed'];
  },
): Promise<Buffer> {
  const input = JSON.stringify({ message: message.toString('latin1'), ...how });
  return Buffer.concat([await python(SIGN, input), message]);
}

// The system's own: a python found on the path may not see Debian's packages.
async function python(script: string, input: string): Promise<Buffer> {
  return await runOk('/usr/bin/python3', ['-c', script], { input });
}
