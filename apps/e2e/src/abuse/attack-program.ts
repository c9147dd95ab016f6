/** Attacks from a process of its own, so that neither the API nor the good client shares its loop: NAME, then the target as JSON. */
import { ATTACKS, type AttackName, type Target } from './attacks.ts';

const [, , name = '', target = ''] = process.argv;
const answers = await ATTACKS[name as AttackName](JSON.parse(target) as Target); // written by the spec beside it
process.stdout.write(JSON.stringify(answers));
