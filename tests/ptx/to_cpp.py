"""Translate PTX, the assembly that NVRTC makes of a kernel, to C++ that a CPU runs thread by thread.

It knows the instructions that kernels of one thread per work item need, and refuses every other one by name: there are
no shared memory, no barriers, no warp instructions, no approximate functions here.
"""

from __future__ import annotations

import re

C = {
    "pred": "bool", "f32": "float", "f64": "double",
    **{f"{s}{bits}": f"{'' if s == 's' else 'u'}int{bits}_t" for s in "usb" for bits in (8, 16, 32, 64)},
}  # fmt: skip

PRELUDE = r"""
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

struct Index { unsigned x, y, z; };
static Index tid, ctaid, ntid, nctaid;

// A value of type T as type R: integers extend or are cut, bits move between integers and floating point.
template <class R, class T> static inline R into(T v) {
  if constexpr (std::is_floating_point_v<R> == std::is_floating_point_v<T>) {
    return (R)v;
  } else {
    static_assert(sizeof(R) == sizeof(T));
    R r;
    std::memcpy(&r, &v, sizeof r);
    return r;
  }
}
// Loads and stores trap where the address is not a multiple of the size, as a GPU does.
template <class T> static inline T load(uint64_t address) {
  if (address % sizeof(T)) __builtin_trap();
  T v;
  std::memcpy(&v, (const void*)address, sizeof v);
  return v;
}
template <class T> static inline void store(uint64_t address, T v) {
  if (address % sizeof(T)) __builtin_trap();
  std::memcpy((void*)address, &v, sizeof v);
}
template <class T> static inline T atomic_add(uint64_t address, T v) {
  const T before = load<T>(address);
  store<T>(address, before + v);
  return before;
}
// Floating point to integer: saturates, and NaN gives 0 (the sign bit alone for 64 bits).
template <class I> static inline I integer(double x) {
  constexpr I low = std::numeric_limits<I>::min(), high = std::numeric_limits<I>::max();
  if (std::isnan(x)) return sizeof(I) < 8 ? I(0) : I(0x8000000000000000ull);
  return x <= (double)low ? low : x >= (double)high ? high : (I)x;
}
template <class T> static inline T high_half(T a, T b) {
  using Wide = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
  return (T)(((Wide)a * (Wide)b) >> (8 * sizeof(T)));
}
template <class T> static inline T left(T a, uint32_t by) { return by >= 8 * sizeof(T) ? T(0) : T(a << by); }
template <class T> static inline T right(T a, uint32_t by) {
  if (by >= 8 * sizeof(T)) return std::is_signed_v<T> && a < 0 ? T(-1) : T(0);
  return T(a >> by);
}
"""

# Expressions of operands a, b, c of C type T.
FORMULAS = {
    "mov": "{a}", "cvta": "{a}", "neg": "-{a}", "add": "{a} + {b}", "sub": "{a} - {b}", "div": "{a} / {b}",
    "rem": "{a} % {b}", "and": "{a} & {b}", "or": "{a} | {b}", "xor": "{a} ^ {b}", "fma": "std::fma({a}, {b}, {c})",
    "rcp": "1 / {a}", "sqrt": "std::sqrt({a})",
}  # fmt: skip
INTEGER = {
    "abs": "{a} < 0 ? -{a} : {a}", "max": "{a} > {b} ? {a} : {b}", "min": "{a} < {b} ? {a} : {b}",
    "mul.lo": "{a} * {b}", "mad.lo": "{a} * {b} + {c}", "mul.hi": "high_half<{T}>({a}, {b})", "not": "~{a}",
    "popc": "__builtin_popcountll({a})",
}  # fmt: skip
FLOATING = {
    "abs": "std::fabs({a})", "max": "std::fmax({a}, {b})", "min": "std::fmin({a}, {b})", "mul": "{a} * {b}",
    "copysign": "std::copysign({b}, {a})",
}  # fmt: skip
WIDE = {"mul": "({W}){a} * ({W}){b}", "mad": "({W}){a} * ({W}){b} + {c}"}
COMPARE = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "lo": "<",
    "ls": "<=",
    "hi": ">",
    "hs": ">=",
}
ROUND = {"rni": "std::rint", "rzi": "std::trunc", "rmi": "std::floor", "rpi": "std::ceil"}
SPECIAL = re.compile(r"%(tid|ctaid|ntid|nctaid)\.([xyz])")


class Unknown(NotImplementedError):
    """An instruction that the translator does not know."""


def name(text: str) -> str:
    """Return a PTX name as one of C."""
    return re.sub(r"\W", "_", text.lstrip("%"))


class Entry:
    """One kernel: its parameters, and its body as C++."""

    def __init__(self, title: str, parameters: list[tuple[str, str]], body: str):
        self.title, self.parameters = title, parameters
        self.registers: dict[str, str] = {}
        self.declarations: list[str] = []
        self.code: list[str] = []
        self._declare(body)
        for line in body.splitlines():
            self._line(line.partition("//")[0].strip())

    def _declare(self, body: str) -> None:
        for kind, stem, count in re.findall(r"\.reg\s+\.(\w+)\s+(%\w+)(?:<(\d+)>)?;", body):
            for k in [stem] if not count else [f"{stem}{k}" for k in range(int(count))]:
                self.registers[k] = kind
                self.declarations.append(f"{C[kind]} {name(k)};")
        for align, label, size in re.findall(r"\.local\s+\.align\s+(\d+)\s+\.b8\s+(\w+)\[(\d+)\];", body):
            # Local memory starts with any bits; a pattern shows what is read before it is written.
            self.declarations.append(f"alignas({align}) unsigned char {label}[{size}];")
            self.code.append(f"std::memset({label}, 0xA5, sizeof {label});")

    def _line(self, line: str) -> None:
        if not line or line in "{}" or line.startswith("."):
            return
        label = re.fullmatch(r"([$\w]+):", line)
        if label:
            self.code.append(f"{name(label[1])}:;")
            return
        guard = re.match(r"@(!?)(%\w+)\s+(.*)", line)
        text = self._instruction(guard[3] if guard else line)
        self.code.append(f"if ({guard[1]}{name(guard[2])}) {{ {text} }}" if guard else text)

    def _instruction(self, line: str) -> str:
        match = re.fullmatch(r"([\w.:]+)\s*(.*?);", line)
        if match is None:
            raise Unknown(f"{self.title}: {line}")
        words = match[1].replace(".ftz", "").split(".")
        operands = [o.strip() for o in re.findall(r"\{[^}]*\}|\[[^\]]*\]|[^,\s]+", match[2])]
        special = getattr(self, f"_{words[0]}", None)
        text = special(words, operands) if special else self._formula(words, operands)
        if text is None:
            raise Unknown(f"{self.title}: {line}")
        return text

    def value(self, operand: str, kind: str) -> str:
        """Return the C expression of an operand read as `kind`."""
        special = SPECIAL.fullmatch(operand)
        if special:
            return f"{special[1]}.{special[2]}"
        if operand.startswith("%"):
            return f"into<{C[kind]}, {C[self.registers[operand]]}>({name(operand)})"
        if operand[:2] in ("0f", "0d"):
            bits = {"0f": "uint32_t", "0d": "uint64_t"}[operand[:2]]
            return f"into<{C[kind]}, {bits}>(0x{operand[2:]}ull)"
        if re.fullmatch(r"-?(0x[0-9A-Fa-f]+|\d+)U?", operand):
            return f"(({C[kind]}){operand.rstrip('U')}ll)"
        return f"((uint64_t){name(operand)})"

    def _set(self, register: str, kind: str, expression: str) -> str:
        target = self.registers[register]
        if target == "pred":
            return f"{name(register)} = ({expression});"
        return f"{name(register)} = into<{C[target]}, {C[kind]}>(({C[kind]})({expression}));"

    def _formula(self, words: list[str], operands: list[str]) -> str | None:
        kind = words[-1]
        key, table = words[0], FORMULAS
        if "approx" in words or kind not in C:
            return None
        if "wide" in words:
            return self._wide(words, operands)
        if key not in table:
            table = FLOATING if kind[0] == "f" else INTEGER
            key = ".".join([key, *(w for w in words[1:-1] if w in ("lo", "hi"))])
        if key not in table:
            return None
        if kind == "pred" and key == "not":
            return self._set(operands[0], kind, f"!{self.value(operands[1], kind)}")
        given = dict(zip("abc", (self.value(o, kind) for o in operands[1:])))
        return self._set(operands[0], kind, table[key].format(T=C[kind], **given))

    def _wide(self, words: list[str], operands: list[str]) -> str:
        kind = words[-1]
        wide = f"{kind[0]}{2 * int(kind[1:])}"
        given = dict(zip("ab", (self.value(o, kind) for o in operands[1:3])))
        if len(operands) > 3:
            given["c"] = self.value(operands[3], wide)
        return self._set(operands[0], wide, WIDE[words[0]].format(W=C[wide], **given))

    def _ret(self, words, operands):
        return "return;"

    def _bra(self, words, operands):
        return f"goto {name(operands[0])};"

    def _address(self, operand: str) -> str:
        match = re.fullmatch(r"\[\s*([%\w$]+)\s*(?:\+\s*(-?\d+))?\s*\]", operand)
        return f"({self.value(match[1], 'u64')} + ({match[2] or 0}ll))"

    def _ld(self, words, operands):
        kind, target = words[-1], operands[0].strip("{}").split(",")
        if words[1] == "param":
            match = re.fullmatch(r"\[(\w+)(?:\+(\d+))?\]", operands[1])
            address = f"((uint64_t)&{name(match[1])} + {match[2] or 0})"
        elif words[1] == "shared":
            return None
        else:
            address = self._address(operands[1])
        return " ".join(
            self._set(t.strip(), kind, f"load<{C[kind]}>({address} + {k} * sizeof({C[kind]}))")
            for k, t in enumerate(target)
        )

    def _st(self, words, operands):
        kind, address = words[-1], self._address(operands[0])
        if words[1] == "shared":
            return None
        return " ".join(
            f"store<{C[kind]}>({address} + {k} * sizeof({C[kind]}), {self.value(s.strip(), kind)});"
            for k, s in enumerate(operands[1].strip("{}").split(","))
        )

    def _atom(self, words, operands):
        if "add" not in words or "shared" in words:
            return None
        kind = words[-1]
        return self._set(
            operands[0], kind, f"atomic_add<{C[kind]}>({self._address(operands[1])}, {self.value(operands[2], kind)})"
        )

    def _red(self, words, operands):
        if "add" not in words or "shared" in words:
            return None
        kind = words[-1]
        return f"atomic_add<{C[kind]}>({self._address(operands[0])}, {self.value(operands[1], kind)});"

    def _shl(self, words, operands):
        return self._shift("left", words, operands)

    def _shr(self, words, operands):
        return self._shift("right", words, operands)

    def _shift(self, direction, words, operands):
        kind = words[-1]
        return self._set(
            operands[0],
            kind,
            f"{direction}<{C[kind]}>({self.value(operands[1], kind)}, {self.value(operands[2], 'u32')})",
        )

    def _selp(self, words, operands):
        kind = words[-1]
        a, b = self.value(operands[1], kind), self.value(operands[2], kind)
        return self._set(operands[0], kind, f"{name(operands[3])} ? {a} : {b}")

    def _setp(self, words, operands):
        how, kind = words[1], words[-1]
        a, b = self.value(operands[1], kind), self.value(operands[2], kind)
        unordered = f"(std::isnan({a}) || std::isnan({b}))"
        if how in COMPARE:
            test = f"({a} {COMPARE[how]} {b})"
            if kind[0] == "f" and how == "ne":
                test = f"({a} < {b} || {a} > {b})"
        elif how == "nan":
            test = unordered
        elif how == "num":
            test = f"!{unordered}"
        else:
            test = f"({unordered} || {a} {COMPARE[how[:2]]} {b})"
        if len(words) == 4:
            join = {"and": "&&", "or": "||", "xor": "!="}[words[2]]
            inverse = operands[3].startswith("!")
            test = f"{test} {join} {'!' if inverse else ''}{name(operands[3].lstrip('!'))}"
        return f"{name(operands[0])} = {test};"

    def _cvt(self, words, operands):
        to, source = words[-2], words[-1]
        x = self.value(operands[1], source)
        if "sat" in words:
            return None
        if source[0] != "f":
            return self._set(operands[0], to, f"({C[to]}){x}")
        rounding = [ROUND[w] for w in words if w in ROUND]
        if rounding:
            x = f"{rounding[0]}({x})"
        return self._set(operands[0], to, x if to[0] == "f" else f"integer<{C[to]}>({x})")

    def source(self) -> str:
        """Return the kernel and its launcher in C++."""
        taken = ", ".join(f"{C[kind]} {name(label)}" for kind, label in self.parameters)
        given = ", ".join(name(label) for _, label in self.parameters)
        body = "\n  ".join(self.declarations + self.code)
        return f"""
static void kernel_{self.title}({taken}) {{
  {body}
}}
extern "C" void jw_run_{self.title}(unsigned blocks, unsigned threads, int reverse, {taken}) {{
  nctaid = {{blocks, 1, 1}};
  ntid = {{threads, 1, 1}};
  for (unsigned b = 0; b < blocks; ++b) {{
    ctaid = {{reverse ? blocks - 1 - b : b, 0, 0}};
    for (unsigned t = 0; t < threads; ++t) {{
      tid = {{reverse ? threads - 1 - t : t, 0, 0}};
      kernel_{self.title}({given});
    }}
  }}
}}
"""


def entries(ptx: str) -> list[Entry]:
    """Return the kernels of a PTX module.

    Raises
    ------
    Unknown
        For an instruction, a device function or module data that the translator does not know.
    """
    if re.search(r"^\s*(\.func|\.extern|\.visible\s+\.func|\.(visible\s+)?(const|global|shared))\b", ptx, re.M):
        raise Unknown("device functions, module data and shared memory are not translated")
    found = []
    for title, parameters, body in re.findall(r"\.visible \.entry (\w+)\((.*?)\)[^{]*\{(.*?)\n\}", ptx, re.S):
        found.append(Entry(title, re.findall(r"\.param \.(\w+)\s+(?:\.ptr.*?\s)?(\w+)", parameters), body))
    return found


def translate(ptx: str) -> str:
    """Return a PTX module as C++."""
    return PRELUDE + "".join(entry.source() for entry in entries(ptx))
