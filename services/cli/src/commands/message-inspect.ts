import type { Content } from '@sallyport/mail';
import { type PolicyDocument, parsePolicyDocument } from '@sallyport/policy';
import { parsePolicyYaml } from '@sallyport/policy-store/write';
import { readCrls } from '../certificates/crl-file.ts';
import { type InspectOptions, inspectMessage, notInspected } from '../message/inspect.ts';
import { inspectTrust } from '../message/inspect-trust.ts';
import { type KeyPair, readCertificates, readKeyPairs } from '../message/key-file.ts';
import { printJson } from './output.ts';
import { openInput, readTextFile, timeOf } from './read-input.ts';
import { Complaint, sentenceOf } from './run.ts';

export interface MessageInspectOptions {
  readonly anchors?: readonly string[];
  readonly crls?: readonly string[];
  readonly keys?: readonly string[];
  readonly time?: string;
  readonly policy?: string;
  readonly legacy?: boolean;
}

/** Prints one JSON object a file. Exit code 1 if some file could not be read at all. */
export async function runMessageInspect(
  files: readonly string[],
  options: MessageInspectOptions,
): Promise<number> {
  const time = timeOf(options.time);
  const anchors = (await Promise.all((options.anchors ?? []).map(readCertificates))).flat();
  const policy = options.policy === undefined ? null : await readPolicy(options.policy);
  const keys = await readKeys(options.keys ?? []);
  const crls = (await Promise.all((options.crls ?? []).map(readCrls))).flat();
  const inspect: InspectOptions = {
    keys,
    trust: inspectTrust({ anchors, crls, policy, time }),
    legacy: options.legacy === true,
    crls: crls.length,
  };
  let failed = 0;
  for (const file of files) {
    const result = await inspectFile(file, inspect);
    if (!result.read) failed += 1;
    printJson(result.value);
  }
  return failed === 0 ? 0 : 1;
}

async function inspectFile(
  file: string,
  options: InspectOptions,
): Promise<{ readonly read: boolean; readonly value: object }> {
  let content: Content;
  try {
    content = await openInput(file);
  } catch (error) {
    return { read: false, value: { file, ok: false, ...notInspected(sentenceOf(error), null) } };
  }
  try {
    return { read: true, value: { file, ok: true, ...(await inspectMessage(content, options)) } };
  } catch (error) {
    // One bad file must not take the report on the others away.
    return {
      read: false,
      value: { file, ok: false, ...notInspected(sentenceOf(error), 'internal') },
    };
  }
}

async function readKeys(specs: readonly string[]): Promise<readonly KeyPair[]> {
  const pairs: KeyPair[] = [];
  for (const spec of specs) {
    const read = await readKeyPairs(spec);
    if (read.every((pair) => pair.certificate === null)) {
      throw new Complaint(
        `${read[0]?.file} holds no certificate for its key: put it into the same file.`,
      );
    }
    pairs.push(...read);
  }
  return pairs;
}

async function readPolicy(file: string): Promise<PolicyDocument> {
  const yaml = parsePolicyYaml(await readTextFile(file));
  const parsed = yaml.kind === 'ok' ? parsePolicyDocument(yaml.document) : yaml;
  if (parsed.kind === 'ok' && 'policy' in parsed) return parsed.policy;
  const [fault] = 'faults' in parsed ? parsed.faults : [];
  throw new Complaint(`${file} is no valid policy: ${fault?.path} ${fault?.reason}.`);
}
