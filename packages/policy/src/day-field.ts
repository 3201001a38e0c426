import { z } from 'zod';

/** A day of the calendar (RFC 3339 full-date). */
export const dayField = z.iso.date('is no day, such as 2027-06-30');
