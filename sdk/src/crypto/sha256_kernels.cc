// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// One message cannot be hashed faster than its rounds follow each other, and each waits for the one
// before. Several messages can: with the processor's SHA instructions, which begin before the last
// one ends, and with vectors whose elements belong to a message each.

#include "crypto/sha256_kernels.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace flwrcpp::internal {

#if defined(__x86_64__)

// GCC's own intrinsics begin with registers that hold anything, of which GCC 12 warns.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace {

#define FLWRCPP_SHA_NI __attribute__((target("sha,sse4.1")))
#define FLWRCPP_AVX512 __attribute__((target("avx512f,avx512bw")))

/// The constants of the rounds.
alignas(64) constexpr std::uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/// A shuffle that turns big-endian words of four bytes into native ones.
FLWRCPP_SHA_NI __m128i SwapWords() {
  return _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
}

/// With the SHA instructions. They keep the words a, b, e, f of the state in one register and c, d,
/// g, h in another.
template <int kLanes>
FLWRCPP_SHA_NI void CompressWithSha(std::uint32_t* const* states, const std::uint8_t* const* blocks,
                                    std::size_t count) {
  const __m128i swap = SwapWords();
  __m128i abef[kLanes];
  __m128i cdgh[kLanes];
  const std::uint8_t* next[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    const auto* const words = reinterpret_cast<const __m128i*>(states[i]);
    const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xB1);
    const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1B);
    abef[i] = _mm_alignr_epi8(cdab, hgfe, 8);
    cdgh[i] = _mm_blend_epi16(hgfe, cdab, 0xF0);
    next[i] = blocks[i];
  }
  for (; count > 0; --count) {
    __m128i abef_before[kLanes];
    __m128i cdgh_before[kLanes];
    __m128i words[4][kLanes];  // of the message: the last 16, four in each register
    for (int i = 0; i < kLanes; ++i) {
      abef_before[i] = abef[i];
      cdgh_before[i] = cdgh[i];
    }
#pragma GCC unroll 16
    for (int four = 0; four < 16; ++four) {
#pragma GCC unroll 4
      for (int i = 0; i < kLanes; ++i) {
        __m128i& current = words[four % 4][i];
        if (four < 4) {
          current = _mm_shuffle_epi8(
              _mm_loadu_si128(reinterpret_cast<const __m128i*>(next[i]) + four), swap);
        } else {
          const __m128i last = words[(four + 3) % 4][i];
          const __m128i begun = _mm_sha256msg1_epu32(current, words[(four + 1) % 4][i]);
          current = _mm_sha256msg2_epu32(
              _mm_add_epi32(begun, _mm_alignr_epi8(last, words[(four + 2) % 4][i], 4)), last);
        }
        const __m128i sum =
            _mm_add_epi32(current, _mm_load_si128(reinterpret_cast<const __m128i*>(kRound) + four));
        cdgh[i] = _mm_sha256rnds2_epu32(cdgh[i], abef[i], sum);
        abef[i] = _mm_sha256rnds2_epu32(abef[i], cdgh[i], _mm_shuffle_epi32(sum, 0x0E));
      }
    }
    for (int i = 0; i < kLanes; ++i) {
      abef[i] = _mm_add_epi32(abef[i], abef_before[i]);
      cdgh[i] = _mm_add_epi32(cdgh[i], cdgh_before[i]);
      next[i] += kSha256Block;
    }
  }
  for (int i = 0; i < kLanes; ++i) {
    auto* const words = reinterpret_cast<__m128i*>(states[i]);
    const __m128i feba = _mm_shuffle_epi32(abef[i], 0x1B);
    const __m128i dchg = _mm_shuffle_epi32(cdgh[i], 0xB1);
    _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
  }
}

/// Bitwise functions of three operands, by their truth tables.
constexpr int kXor = 0x96;
constexpr int kChoose = 0xCA;
constexpr int kMajority = 0xE8;

template <int kA, int kB, int kC>
FLWRCPP_AVX512 inline __attribute__((always_inline)) __m512i XorRotated(__m512i x) {
  return _mm512_ternarylogic_epi32(_mm512_ror_epi32(x, kA), _mm512_ror_epi32(x, kB),
                                   _mm512_ror_epi32(x, kC), kXor);
}

/// The same with a shift in place of the last rotation.
template <int kA, int kB, int kShift>
FLWRCPP_AVX512 inline __attribute__((always_inline)) __m512i XorShifted(__m512i x) {
  return _mm512_ternarylogic_epi32(_mm512_ror_epi32(x, kA), _mm512_ror_epi32(x, kB),
                                   _mm512_srli_epi32(x, kShift), kXor);
}

/// From 16 words of each of 16 messages to 16 times the same word of all messages.
FLWRCPP_AVX512 inline __attribute__((always_inline)) void Transpose(__m512i (&rows)[16]) {
  __m512i pairs[16];
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    rows[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
    rows[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
    rows[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    rows[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    pairs[i] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0x88);
    pairs[i + 4] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0xdd);
    pairs[i + 8] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0x88);
    pairs[i + 12] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; ++i) {
    rows[i] = _mm512_shuffle_i32x4(pairs[i], pairs[i + 8], 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(pairs[i], pairs[i + 8], 0xdd);
    rows[i + 4] = _mm512_shuffle_i32x4(pairs[i + 4], pairs[i + 12], 0x88);
    rows[i + 12] = _mm512_shuffle_i32x4(pairs[i + 4], pairs[i + 12], 0xdd);
  }
}

/// 16 messages, one in each element of the vectors.
FLWRCPP_AVX512 void CompressWithAvx512(std::uint32_t* const* states,
                                       const std::uint8_t* const* blocks, std::size_t count) {
  const __m512i swap = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
  alignas(64) std::uint32_t gathered[kSha256StateWords][16];
  __m512i state[kSha256StateWords];
  for (std::size_t word = 0; word < kSha256StateWords; ++word) {
    for (int lane = 0; lane < 16; ++lane) gathered[word][lane] = states[lane][word];
    state[word] = _mm512_load_si512(gathered[word]);
  }
  for (std::size_t block = 0; block < count; ++block) {
    __m512i words[16];  // of the messages: the last 16
    for (int lane = 0; lane < 16; ++lane) {
      words[lane] = _mm512_loadu_si512(blocks[lane] + block * kSha256Block);
    }
    Transpose(words);
    for (__m512i& word : words) word = _mm512_shuffle_epi8(word, swap);

    __m512i a = state[0];
    __m512i b = state[1];
    __m512i c = state[2];
    __m512i d = state[3];
    __m512i e = state[4];
    __m512i f = state[5];
    __m512i g = state[6];
    __m512i h = state[7];
    for (int begin = 0; begin < 64; begin += 16) {
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        const __m512i constant = _mm512_set1_epi32(static_cast<int>(kRound[begin + i]));
        __m512i early = _mm512_add_epi32(h, _mm512_add_epi32(words[i], constant));
        // What does not need e, of which the round before has just come to know, is added first.
        // GCC would change the order of the sums; it does not change what passes through here.
        asm("" : "+v"(early));
        __m512i sum =
            _mm512_add_epi32(_mm512_add_epi32(early, _mm512_ternarylogic_epi32(e, f, g, kChoose)),
                             XorRotated<6, 11, 25>(e));
        asm("" : "+v"(sum));
        const __m512i mixed = _mm512_add_epi32(_mm512_ternarylogic_epi32(a, b, c, kMajority),
                                               XorRotated<2, 13, 22>(a));
        h = g;
        g = f;
        f = e;
        e = _mm512_add_epi32(d, sum);
        d = c;
        c = b;
        b = a;
        a = _mm512_add_epi32(sum, mixed);
        if (begin == 48) continue;  // the last words are there
        words[i] = _mm512_add_epi32(
            _mm512_add_epi32(words[i], XorShifted<7, 18, 3>(words[(i + 1) % 16])),
            _mm512_add_epi32(words[(i + 9) % 16], XorShifted<17, 19, 10>(words[(i + 14) % 16])));
      }
    }
    state[0] = _mm512_add_epi32(state[0], a);
    state[1] = _mm512_add_epi32(state[1], b);
    state[2] = _mm512_add_epi32(state[2], c);
    state[3] = _mm512_add_epi32(state[3], d);
    state[4] = _mm512_add_epi32(state[4], e);
    state[5] = _mm512_add_epi32(state[5], f);
    state[6] = _mm512_add_epi32(state[6], g);
    state[7] = _mm512_add_epi32(state[7], h);
  }
  for (std::size_t word = 0; word < kSha256StateWords; ++word) {
    _mm512_store_si512(gathered[word], state[word]);
    for (int lane = 0; lane < 16; ++lane) states[lane][word] = gathered[word][lane];
  }
}

bool HasSha() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0 &&
         __builtin_cpu_supports("sse4.1") != 0;
}

bool HasAvx512() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0;
}

constexpr Sha256Kernel kKernels[] = {{16, 16, &CompressWithAvx512},
                                     {4, 4, &CompressWithSha<4>},
                                     {2, 2, &CompressWithSha<2>},
                                     {1, 1, &CompressWithSha<1>}};

}  // namespace

std::span<const Sha256Kernel> RunnableSha256Kernels() {
  const std::span<const Sha256Kernel> all = kKernels;
  if (!HasSha()) return all.last(0);
  return HasAvx512() ? all : all.subspan(1);
}

#else

std::span<const Sha256Kernel> RunnableSha256Kernels() { return {}; }

#endif

namespace {

/// Part of the time of the kernels below it that a kernel may take to be chosen. Messages do not
/// lie in the first-level cache as what is measured does, and more lanes suffer more from that.
constexpr double kWorthIt = 0.9;

/// Seconds for a block of one message, with all lanes in use.
double SecondsPerBlock(const Sha256Kernel& kernel) {
  using Clock = std::chrono::steady_clock;
  constexpr std::size_t kBlocks = 64;
  constexpr int kTries = 5;
  static constexpr std::array<std::uint8_t, kBlocks * kSha256Block> kMessage{};
  std::array<std::array<std::uint32_t, kSha256StateWords>, kMostSha256Lanes> words{};
  std::array<std::uint32_t*, kMostSha256Lanes> states;
  std::array<const std::uint8_t*, kMostSha256Lanes> blocks;
  std::transform(words.begin(), words.end(), states.begin(), [](auto& of) { return of.data(); });
  blocks.fill(kMessage.data());
  std::chrono::duration<double> least = std::chrono::duration<double>::max();
  for (int i = 0; i < kTries; ++i) {  // one of them is not interrupted
    const Clock::time_point begin = Clock::now();
    kernel.compress(states.data(), blocks.data(), kBlocks);
    least = std::min<std::chrono::duration<double>>(least, Clock::now() - begin);
  }
  return least.count() / static_cast<double>(kBlocks * kernel.lanes);
}

std::vector<Sha256Kernel> ChooseKernels() {
  const std::span<const Sha256Kernel> runnable = RunnableSha256Kernels();
  std::vector<Sha256Kernel> chosen;
  double fastest = std::numeric_limits<double>::infinity();
  for (auto kernel = runnable.rbegin(); kernel != runnable.rend(); ++kernel) {
    const double seconds = SecondsPerBlock(*kernel);
    if (seconds > fastest * kWorthIt) continue;
    chosen.push_back(*kernel);
    if (chosen.size() > 1) {
      // It takes as long for fewer messages, for which those below it take less.
      const double messages = static_cast<double>(kernel->lanes) * seconds / fastest;
      chosen.back().least = static_cast<std::size_t>(std::ceil(messages));
    }
    fastest = seconds;
  }
  std::reverse(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace

std::span<const Sha256Kernel> Sha256Kernels() {
  static const std::vector<Sha256Kernel> kernels = ChooseKernels();
  return kernels;
}

}  // namespace flwrcpp::internal
