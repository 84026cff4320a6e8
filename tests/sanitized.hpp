#pragma once
/// \file Whether the tests run under a sanitizer, as GCC and as Clang tell it: stacks and heaps are other ones then.

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ZEROSHOT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ZEROSHOT_SANITIZED 1
#endif
#endif
#ifndef ZEROSHOT_SANITIZED
#define ZEROSHOT_SANITIZED 0
#endif
