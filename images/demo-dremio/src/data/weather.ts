/**
 * The sample table: daily weather of one station, generated. Nothing is copied from any data set; the shape
 * (nine text columns, 3,833 days) is that of the well-known sample file, the values are synthetic.
 */

export const WEATHER_COLUMNS = [
  'station',
  'name',
  'date',
  'awnd',
  'prcp',
  'snow',
  'snwd',
  'tempmax',
  'tempmin',
] as const;

export type WeatherRow = Readonly<Record<(typeof WEATHER_COLUMNS)[number], string>>;

const FIRST_DAY = Date.UTC(2009, 0, 1);
const LAST_DAY = Date.UTC(2019, 5, 30);
const DAY_MS = 86_400_000;
const DAYS_PER_YEAR = 365.25;
/** Coldest around the 20th of January. */
const COLDEST_DAY_OF_YEAR = 20;
const SEED = 20_090_101;

/** A small generator with a fixed seed (mulberry32): the same rows on every machine. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** All rows, by date; every value is text that casts to its type, and none is empty. */
export function* weatherRows(): Generator<WeatherRow> {
  const random = numbersFrom(SEED);
  /** About normal, mean 0, from -1 to 1. */
  const noise = () => (random() + random() + random()) / 1.5 - 1;
  let depth = 0;
  for (let time = FIRST_DAY; time <= LAST_DAY; time += DAY_MS) {
    const date = new Date(time);
    const dayOfYear = (time - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY_MS;
    const season = Math.cos((2 * Math.PI * (dayOfYear - COLDEST_DAY_OF_YEAR)) / DAYS_PER_YEAR);
    // From about 38 degrees Fahrenheit in January to about 84 in July.
    const high = Math.round(61 - 23 * season + 14 * noise());
    const low = high - 8 - Math.floor(random() * 13);
    const wet = random() < 0.3;
    const rain = wet ? 0.01 + 1.6 * random() ** 3 : 0;
    const snows = wet && high <= 38;
    const snow = snows ? 0.1 + 9 * rain * random() : 0;
    depth = Math.max(0, depth * (high > 45 ? 0.4 : 0.8) - 0.2 + snow);
    yield {
      station: 'USW00094728',
      name: 'NY CITY CENTRAL PARK, NY US',
      date: date.toISOString().slice(0, 16),
      awnd: (2 + 8 * random() * (0.8 + 0.2 * season)).toFixed(2),
      prcp: rain.toFixed(2),
      snow: snow.toFixed(1),
      snwd: depth.toFixed(1),
      tempmax: String(high),
      tempmin: String(low),
    };
  }
}
