/** What each audit event says, in one sentence. A test compares the keys with the event schema. */
export const EVENT_NOTES: Readonly<Record<string, string>> = {
  accepted:
    'The gateway answers for this message from here on. Outward it is written before the 250; inward before the message is judged, so that no key is touched without it.',
  refused: 'A command, a message or a recipient was refused, at the named stage.',
  abandoned: 'An accepted id came to nothing: the client left, or the result could not be written.',
  committed: 'An inward judgement became ours. Written before the 250.',
  decided: 'What the policy decided for some recipients, with rule and policy version.',
  protected: 'An outgoing message was made: signed, encrypted, or passed on by the rule.',
  opened: 'A message was opened and verified; the verdict words are in the event.',
  held: 'The message went into quarantine.',
  released: 'A person let a held message go on.',
  dropped: 'A person removed a message.',
  'duplicate-ciphertext':
    'An encrypted key came again with other content: refused unopened. An attack, or a broken sender.',
  'corrupt-found': 'A queue file could not be read back; it lies in `corrupt`.',
  lookup: 'A search for certificates, with the way that was tried and what came of it.',
  'partner-key-changed':
    'A partner shows another certificate than the pinned one, with a valid path. `waits`: compare it with the partner and pin it. `followed`: the rule lets it be used.',
  'certificate-harvested':
    'Verified mail brought a certificate to encrypt to. It is a candidate behind door `harvested`, and needs a path of its own.',
  'capabilities-learned':
    'A verified signature of a partner announced what its owner can read, and it was news. Mail to it is encrypted accordingly.',
  'capabilities-ignored':
    'A verified signature announced something else than what is known, and its signing time forbids to believe it: old mail sent again, or a clock that is wrong.',
  relayed: 'The next hop took the message.',
  deferred: 'The next hop could not be reached or asked to try later.',
  failed: 'The next hop refused the message for good, or it could never be sent there.',
  expired: 'The time to try was over.',
  'dsn-created': 'A report to the author was made; it has a queue id of its own.',
  'destination-paused': 'A person stopped mail to a destination.',
  'destination-resumed': 'A person let mail to a destination go on.',
  'key-intent':
    'A private key is about to be used. Written before the key is touched. `sign-crl` and `sign-certificate`: the key `ca` of the own CA, by the command line; all else is the keyholder.',
  'key-outcome':
    'What came of a key use. Written before the result leaves the keyholder, or before a list or certificate of the own CA is written. `failed`: nothing came out. `unknown`: the process ended in between; the next start closed it.',
  'key-generated': 'A key pair was made.',
  'key-activated': 'A key came into use.',
  'key-certified': 'A key of ours got its certificate.',
  'key-imported': 'A key pair from elsewhere was taken in with its certificate.',
  'key-scheduled': 'The time was set, changed or taken back at which a key comes into use.',
  'key-retired': 'A key is no longer the one in use; `decrypt-only` still opens mail.',
  'key-reopened': 'A retired confidentiality key opens mail again.',
  'key-destroyed': 'A private key was overwritten and removed; its record stays.',
  'certificate-revoked': 'Our CA revoked a certificate that it had issued.',
  'crl-issued': 'Our CA issued a new list of revoked certificates.',
  'key-quarantined':
    'The keyholder leaves a key out, because its record or key file is broken; the sentence names it.',
  'service-started': 'A process began its work.',
  'service-stopped': 'A process ended its work in order.',
  'policy-activated':
    'A policy version came into force, with its hash: imported, activated, or at the time that was planned for it.',
  'policy-proposed': 'A person proposed a policy version; `details` says what its rehearsal found.',
  'policy-approved': 'A person approved of a policy version, of exactly this hash.',
  'policy-scheduled': 'The time was set or taken back at which a policy version comes into force.',
  'policy-rolled-back': 'A person put an earlier policy version in force again.',
  'log-recovered': 'Lines after the last signed head were cut at start, as a crash leaves them.',
  'log-retained':
    'Retention removes a segment; of its events only the root stays, which is named here.',
  login: 'A person or program logged in, or was refused.',
  'console-signed-in': 'A person came into the console, and by which means.',
  'console-sign-in-refused': 'Somebody was not let into the console, and why.',
  'console-signed-out': 'A session of the console ended.',
  'account-changed': 'An account of the console was made or changed; `change` says how.',
  'token-changed': 'A token for the API was made or taken back.',
  'held-message-viewed': 'A person opened the page of a held message; no page shows its content.',
  'audit-exported': 'Events were exported in the console, with or without personal values.',
  'console-order': 'A person gave an order in the console that its target does not record itself.',
};
