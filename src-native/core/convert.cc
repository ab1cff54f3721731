#include "convert.h"

#include <cmath>
#include <cstring>

#include "variant.h"

namespace ostree {
namespace {

Napi::Error WithCode(Napi::Error error, const char* code) {
  error.Set("code", Napi::String::New(error.Env(), code));
  return error;
}

}  // namespace

Napi::Error ArgTypeError(Napi::Env env, const std::string& message) {
  return WithCode(Napi::TypeError::New(env, message), "ERR_INVALID_ARG_TYPE");
}

Napi::Error ArgValueError(Napi::Env env, const std::string& message) {
  return WithCode(Napi::RangeError::New(env, message), "ERR_INVALID_ARG_VALUE");
}

namespace detail {

Napi::Value Convert<Failure>::To(Napi::Env env, const Failure& failure) {
  auto object = Napi::Object::New(env);
  auto set = [&](const char* key, const std::optional<std::string>& value) {
    if (value) object.Set(key, Napi::String::New(env, ValidUtf8(*value)));
  };
  set("failure", failure.message);
  set("code", failure.code);
  if (!failure.domain.empty()) set("domain", failure.domain);
  set("path", failure.path);
  set("ref", failure.ref);
  set("checksum", failure.checksum);
  set("remote", failure.remote);
  if (failure.details) object.Set("details", VariantToJs(env, failure.details.get()));
  return object;
}

std::string Convert<std::string>::From(Napi::Value value, const std::string& name) {
  if (!value.IsString()) throw ArgTypeError(value.Env(), name + " must be a string");
  std::string text = value.As<Napi::String>();
  if (text.find('\0') != text.npos) throw ArgValueError(value.Env(), name + " must not contain a NUL byte");
  return text;
}

Napi::Value Convert<std::string>::To(Napi::Env env, const std::string& value) {
  return Napi::String::New(env, value);
}

bool Convert<bool>::From(Napi::Value value, const std::string& name) {
  if (!value.IsBoolean()) throw ArgTypeError(value.Env(), name + " must be a boolean");
  return value.As<Napi::Boolean>();
}

double Convert<double>::From(Napi::Value value, const std::string& name) {
  if (!value.IsNumber()) throw ArgTypeError(value.Env(), name + " must be a number");
  return value.As<Napi::Number>().DoubleValue();
}

int64_t IntegerFromJs(Napi::Value value, const std::string& name, int64_t min, int64_t max) {
  double number = Convert<double>::From(value, name);
  if (std::trunc(number) != number || number < static_cast<double>(min) || number > static_cast<double>(max))
    throw ArgValueError(
        value.Env(), name + " must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
  return static_cast<int64_t>(number);
}

Bytes Convert<Bytes>::From(Napi::Value value, const std::string& name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw ArgTypeError(value.Env(), name + " must be a Uint8Array");
  auto array = value.As<Napi::Uint8Array>();
  return array.ByteLength() ? Bytes(array.Data(), array.Data() + array.ByteLength()) : Bytes();
}

Napi::Value Convert<Bytes>::To(Napi::Env env, const Bytes& value) {
  return Napi::Buffer<uint8_t>::Copy(env, value.data(), value.size());
}

Shared<GVariant> Convert<Shared<GVariant>>::From(Napi::Value value, const std::string& name) {
  return MetadataFromJs(value, name);
}

Napi::Value Convert<Shared<GVariant>>::To(Napi::Env env, const Shared<GVariant>& value) {
  return value ? VariantToJs(env, value.get()) : env.Undefined();
}

}  // namespace detail
}  // namespace ostree
