// JS values to C++ and back, on the JS thread. FromJs throws a TypeError that
// names the argument.
//
// A struct crosses by naming its fields once, for both directions:
//
//   struct RefInfo {
//     std::string ref;
//     std::optional<std::string> remote;       // undefined when empty
//     void Fields(auto&& field) { field("ref", ref); field("remote", remote); }
//   };
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "failure.h"
#include "napi.h"

namespace ostree {

Napi::Error ArgTypeError(Napi::Env env, const std::string& message);   // ERR_INVALID_ARG_TYPE
Napi::Error ArgValueError(Napi::Env env, const std::string& message);  // ERR_INVALID_ARG_VALUE

// null, where an empty optional is undefined.
template <class T>
struct Nullable : std::optional<T> {
  using std::optional<T>::optional;
  friend bool operator==(const Nullable& a, const Nullable& b) {
    return static_cast<const std::optional<T>&>(a) == static_cast<const std::optional<T>&>(b);
  }
};

using Bytes = std::vector<uint8_t>;

namespace detail {

struct AnyField {
  void operator()(const char*, auto&) const {}
};
template <class T>
concept HasFields = requires(T& value) {
  value.Fields(AnyField());
};

template <class T>
struct Convert;  // a type that cannot cross has none

}  // namespace detail

template <class T>
T FromJs(Napi::Value value, const std::string& name) {
  return detail::Convert<T>::From(value, name);
}

template <class T>
Napi::Value ToJs(Napi::Env env, T& value) {
  return detail::Convert<std::remove_const_t<T>>::To(env, value);
}

namespace detail {

template <>
struct Convert<std::string> {
  // A NUL would silently end the string in C.
  static std::string From(Napi::Value value, const std::string& name);
  static Napi::Value To(Napi::Env env, const std::string& value);
};

template <>
struct Convert<bool> {
  static bool From(Napi::Value value, const std::string& name);
  static Napi::Value To(Napi::Env env, bool value) { return Napi::Boolean::New(env, value); }
};

template <>
struct Convert<double> {
  static double From(Napi::Value value, const std::string& name);
  static Napi::Value To(Napi::Env env, double value) { return Napi::Number::New(env, value); }
};

// Integers are those that a JS number holds exactly.
int64_t IntegerFromJs(Napi::Value value, const std::string& name, int64_t min, int64_t max);

template <class T>
requires std::is_integral_v<T>
struct Convert<T> {
  static constexpr int64_t kSafe = (int64_t{1} << 53) - 1;
  static T From(Napi::Value value, const std::string& name) {
    constexpr bool wide = sizeof(T) == 8;
    constexpr int64_t min = std::is_unsigned_v<T> ? 0
                            : wide                ? -kSafe
                                                  : int64_t{std::numeric_limits<T>::min()};
    constexpr int64_t max = wide ? kSafe : static_cast<int64_t>(std::numeric_limits<T>::max());
    return static_cast<T>(IntegerFromJs(value, name, min, max));
  }
  static Napi::Value To(Napi::Env env, T value) { return Napi::Number::New(env, static_cast<double>(value)); }
};

template <>
struct Convert<Bytes> {
  static Bytes From(Napi::Value value, const std::string& name);
  static Napi::Value To(Napi::Env env, const Bytes& value);  // a Buffer
};

template <>
struct Convert<Shared<GVariant>> {
  static Shared<GVariant> From(Napi::Value value, const std::string& name);  // metadata, a{sv}
  static Napi::Value To(Napi::Env env, const Shared<GVariant>& value);       // null becomes undefined
};

template <>
struct Convert<Failure> {
  // A plain object with everything lib/errors.ts needs to make an OstreeError.
  static Napi::Value To(Napi::Env env, const Failure& failure);
};

template <>
struct Convert<std::monostate> {
  static Napi::Value To(Napi::Env env, std::monostate) { return env.Undefined(); }
};

template <class T>
struct Convert<std::optional<T>> {
  static std::optional<T> From(Napi::Value value, const std::string& name) {
    if (value.IsUndefined()) return std::nullopt;
    return FromJs<T>(value, name);
  }
  static Napi::Value To(Napi::Env env, std::optional<T>& value) {
    return value ? ToJs(env, *value) : env.Undefined();
  }
};

template <class T>
struct Convert<Nullable<T>> {
  static Nullable<T> From(Napi::Value value, const std::string& name) {
    if (value.IsNull()) return {};
    return FromJs<T>(value, name);
  }
  static Napi::Value To(Napi::Env env, Nullable<T>& value) { return value ? ToJs(env, *value) : env.Null(); }
};

template <class T>
struct Convert<std::vector<T>> {
  static std::vector<T> From(Napi::Value value, const std::string& name) {
    if (!value.IsArray()) throw ArgTypeError(value.Env(), name + " must be an array");
    auto array = value.As<Napi::Array>();
    std::vector<T> result;
    for (uint32_t i = 0; i < array.Length(); i++) {
      Napi::HandleScope scope(value.Env());
      result.push_back(FromJs<T>(array.Get(i), name + "[" + std::to_string(i) + "]"));
    }
    return result;
  }
  static Napi::Value To(Napi::Env env, std::vector<T>& value) {
    auto array = Napi::Array::New(env, value.size());
    for (uint32_t i = 0; i < value.size(); i++) {
      Napi::HandleScope scope(env);
      if constexpr (std::is_same_v<T, bool>)
        array.Set(i, Napi::Boolean::New(env, value[i]));
      else
        array.Set(i, ToJs(env, value[i]));
    }
    return array;
  }
};

template <class T>
struct Convert<std::map<std::string, T>> {
  static std::map<std::string, T> From(Napi::Value value, const std::string& name) {
    if (!value.IsObject()) throw ArgTypeError(value.Env(), name + " must be an object");
    auto object = value.As<Napi::Object>();
    auto keys = object.GetPropertyNames();
    std::map<std::string, T> result;
    for (uint32_t i = 0; i < keys.Length(); i++) {
      Napi::HandleScope scope(value.Env());
      auto key = FromJs<std::string>(keys.Get(i).ToString(), name + " key");
      auto entry = object.Get(key);
      if (!entry.IsUndefined()) result.emplace(key, FromJs<T>(entry, name + "." + key));
    }
    return result;
  }
  static Napi::Value To(Napi::Env env, std::map<std::string, T>& value) {
    auto object = Napi::Object::New(env);
    for (auto& [key, entry] : value) object.Set(key, ToJs(env, entry));
    return object;
  }
};

template <HasFields T>
struct Convert<T> {
  static T From(Napi::Value value, const std::string& name) {
    if (!value.IsObject()) throw ArgTypeError(value.Env(), name + " must be an object");
    auto object = value.As<Napi::Object>();
    T result;
    result.Fields([&](const char* key, auto& field) {
      auto entry = object.Get(key);
      // A field that was not given keeps its default.
      if (!entry.IsUndefined())
        field = FromJs<std::remove_reference_t<decltype(field)>>(entry, name + "." + key);
    });
    return result;
  }
  static Napi::Value To(Napi::Env env, T& value) {
    auto object = Napi::Object::New(env);
    value.Fields([&](const char* key, auto& field) {
      auto entry = ToJs(env, field);
      if (!entry.IsUndefined()) object.Set(key, entry);
    });
    return object;
  }
};

}  // namespace detail
}  // namespace ostree
