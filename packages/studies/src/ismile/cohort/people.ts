import type { Random } from './random';

/** A fictional family as the staff would write it into REDCap. */
export interface Family {
  firstName: string;
  lastName: string;
  gender: string;
  spanish: boolean;
  /** E.164. */
  mobile: string;
  /** How the staff wrote the number. */
  mobileText: string;
  email: string;
  childFirstName: string;
  childGender: string;
  childDob: string;
  site: string;
}

const english = {
  first: ['Alicia', 'Brenda', 'Carol', 'Denise', 'Erica', 'Faith', 'Grace', 'Hannah', 'Imani', 'Joy', 'Kevin', 'Latoya', 'Marcus', 'Nia', 'Olivia', 'Paula', 'Quinn', 'Renee', 'Sam', 'Tanya'],
  last: ['Adams', 'Baker', 'Clarke', 'Davis', 'Evans', 'Foster', 'Green', 'Harris', 'Irving', 'Jackson', 'King', 'Lewis', 'Moore', 'Nelson', 'Owens', 'Parker', 'Reed', 'Scott', 'Turner', 'Walker'],
  child: ['Ava', 'Ben', 'Chloe', 'Dylan', 'Ella', 'Finn', 'Gia', 'Henry', 'Ivy', 'Jaden', 'Kai', 'Lily', 'Mason', 'Noah', 'Owen', 'Ruby', 'Sofia', 'Theo', 'Uma', 'Zane'],
}; // prettier-ignore
const spanish = {
  first: ['Ana', 'Beatriz', 'Carmen', 'Daniela', 'Elena', 'Fernanda', 'Gloria', 'Isabel', 'Juana', 'Karina', 'Luisa', 'Marta', 'Nadia', 'Paola', 'Rosa', 'Silvia', 'Teresa', 'Valeria', 'Ximena', 'Yolanda'],
  last: ['Alvarado', 'Bautista', 'Castillo', 'Delgado', 'Espinoza', 'Flores', 'Guerrero', 'Herrera', 'Jimenez', 'Lopez', 'Mendoza', 'Navarro', 'Ortega', 'Pineda', 'Quintero', 'Rivera', 'Santos', 'Torres', 'Vargas', 'Zamora'],
  child: ['Alma', 'Bruno', 'Camila', 'Diego', 'Emilio', 'Felipe', 'Gael', 'Hugo', 'Ines', 'Julio', 'Leo', 'Luna', 'Mateo', 'Nico', 'Oscar', 'Pilar', 'Raul', 'Sara', 'Tomas', 'Vera'],
}; // prettier-ignore

/** New England area codes; 555-0100 to 555-0199 are reserved for fiction in each. */
const areaCodes = [
  '617',
  '857',
  '781',
  '339',
  '508',
  '774',
  '978',
  '351',
  '413',
  '401',
  '603',
  '207',
  '802',
  '860',
  '203',
];

/** Gives out families and numbers, none twice. */
export class People {
  private given = 0;
  private numbers = 0;
  private readonly languages: boolean[];

  constructor(
    private readonly random: Random,
    families: number,
  ) {
    // studies.md §8: 35 % Spanish
    const inSpanish = Math.round(families * 0.35);
    this.languages = random.shuffle(Array.from({ length: families }, (_, index) => index < inSpanish));
  }

  family(): Family {
    const { random } = this;
    const index = this.given;
    this.given += 1;
    const isSpanish = this.languages[index % this.languages.length] === true;
    const names = isSpanish ? spanish : english;
    const firstName = random.pick(names.first);
    const lastName = random.pick(names.last);
    const mobile = this.mobile();
    return {
      firstName,
      lastName,
      gender: random.pick(['1', '1', '1', '1', '2', '2', '3', '9']),
      spanish: isSpanish,
      mobile,
      mobileText: written(mobile, index),
      email: `${firstName}.${lastName}.${index + 1}@example.org`.toLowerCase(),
      childFirstName: random.pick(names.child),
      childGender: random.pick(['1', '2']),
      childDob: `${random.between(2012, 2016)}-${pad(random.between(1, 12))}-${pad(random.between(1, 28))}`,
      site: String((index % 4) + 1),
    };
  }

  /** A number that nobody has. */
  mobile(): string {
    const index = this.numbers;
    this.numbers += 1;
    const area = areaCodes[index % areaCodes.length];
    const line = Math.floor(index / areaCodes.length);
    if (line > 99) throw new Error('The fictional numbers are used up.');
    return `+1${area}55501${pad(line)}`;
  }
}

/** The number as one person or another would type it. */
export function written(mobile: string, habit: number): string {
  const [area, exchange, line] = [mobile.slice(2, 5), mobile.slice(5, 8), mobile.slice(8)];
  const ways = [
    `(${area}) ${exchange}-${line}`,
    `${area}-${exchange}-${line}`,
    `${area}${exchange}${line}`,
    `${area}.${exchange}.${line}`,
  ];
  return ways[habit % ways.length] as string;
}

function pad(number: number): string {
  return String(number).padStart(2, '0');
}
