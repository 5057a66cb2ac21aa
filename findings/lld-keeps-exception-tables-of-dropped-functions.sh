#!/usr/bin/env bash
# Tool:      LLD as shipped with Rust 1.95 (rust-lld, LLVM 22.1), the default linker on x86_64-unknown-linux-gnu;
#            for comparison GNU ld. Date: 2026-11-29.
#
# Guess, written down before running: `--gc-sections` drops a function that nothing calls together with its part of
# `.gcc_except_table`, so a program is as large as the code that it uses.
#
# Behaviour: LLD drops the function and keeps its exception table. LLVM gives each function a section
# `.gcc_except_table.<name>` without SHF_LINK_ORDER, and LLD keeps such a section whenever unwind data of the same
# object file refers to it, used or not. GNU ld drops both. A program that uses a little of a large crate
# carries the tables of the whole crate: over 1 MB with five AWS SDKs.
#
# Output seen (bytes of .gcc_except_table; the library has 200 functions, the program calls one):
#   lld: 14944
#   bfd: 3960
#
# Exits 0 while this is so, 1 when it changes. Needs Rust 1.95 with its LLD, gcc, GNU binutils; downloads nothing.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

{
    echo 'pub struct Guard(pub u32);'
    echo 'impl Drop for Guard { #[inline(never)] fn drop(&mut self) { std::hint::black_box(self.0); } }'
    echo '#[inline(never)] fn may_panic(n: u32) { if std::hint::black_box(n) == 7 { panic!("seven") } }'
    for i in $(seq 200); do
        echo "#[inline(never)] pub fn f$i() { let a = Guard($i); may_panic($i); let b = Guard($i + 1); may_panic($i + 2); drop(b); may_panic($i + 3); drop(a) }"
    done
} > many.rs
echo 'fn main() { many::f1() }' > program.rs

rustc --edition 2021 -C opt-level=s -C codegen-units=1 --crate-type rlib many.rs
for linker in lld bfd; do
    rustc --edition 2021 -C opt-level=s --extern many=libmany.rlib -C link-arg=-fuse-ld=$linker -o "with-$linker" program.rs
    size=$(readelf -SW "with-$linker" | awk '{ for (i = 1; i <= NF; i++) if ($i == ".gcc_except_table") print $(i + 4) }')
    echo "$linker: $((16#$size))"
    declare "$linker=$((16#$size))"
done
(( lld > bfd + 5000 )) || { echo "changed: LLD drops the tables too"; exit 1; }
