// What speaks against an individual identification number, as registry/iin.py has it. Nothing that is
// said here keeps anybody from registering: an appeal is refused for no slip of the pen.

const CENTURIES = { 1: 1800, 2: 1800, 3: 1900, 4: 1900, 5: 2000, 6: 2000 };
const SECOND = [3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2];

/** "digits", "birthday" or "check", for what looks wrong; null where nothing does. */
export function doubtAbout(typed) {
  const iin = typed.replace(/[\s-]/g, "");
  if (!/^[0-9]{12}$/.test(iin)) return "digits";
  if (!hasBirthday(iin)) return "birthday";
  return checkDigit(iin) === Number(iin[11]) ? null : "check";
}

function hasBirthday(iin) {
  const century = CENTURIES[iin[6]];
  const [year, month, day] = [0, 2, 4].map((at) => Number(iin.slice(at, at + 2)));
  if (century === undefined || month < 1 || month > 12 || day < 1) return false;
  return day <= new Date(Date.UTC(century + year, month, 0)).getUTCDate();
}

/** The digit that goes after the first eleven; null where such a number is never issued. */
function checkDigit(iin) {
  const digits = [...iin.slice(0, 11)].map(Number);
  const weighed = (weights) => digits.reduce((sum, digit, at) => sum + digit * weights[at], 0) % 11;
  const first = weighed(digits.map((_, at) => at + 1));
  if (first < 10) return first;
  const second = weighed(SECOND);
  return second < 10 ? second : null;
}
