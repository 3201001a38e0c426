import { accountPages } from './accounts.ts';
import { auditPages } from './audit.ts';
import { dnsPages } from './dns.ts';
import { holdPages } from './hold.ts';
import { keyPages } from './keys.ts';
import { messagesPages } from './messages.ts';
import { nowPages } from './now.ts';
import type { Page } from './page.ts';
import { partnerAddPages } from './partner-add.ts';
import { partnerEditPages } from './partner-edit.ts';
import { partnerLookPages } from './partner-look.ts';
import { partnerPinPages } from './partner-pin.ts';
import { partnerSheetPages } from './partner-sheet.ts';
import { partnerPages } from './partners.ts';
import { policyPages } from './policy.ts';
import { queuePages } from './queue.ts';
import { reportPages } from './reports.ts';
import { simulatePages } from './simulate.ts';

/** Every page, by area. */
export const pages: readonly Page[] = [
  ...nowPages,
  ...messagesPages,
  ...holdPages,
  ...queuePages,
  ...auditPages,
  ...keyPages,
  ...dnsPages,
  ...reportPages,
  ...partnerPages,
  ...partnerAddPages,
  ...partnerEditPages,
  ...partnerLookPages,
  ...partnerPinPages,
  ...partnerSheetPages,
  ...policyPages,
  ...simulatePages,
  ...accountPages,
];
