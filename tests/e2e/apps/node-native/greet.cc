#include <napi.h>

static Napi::Value Greet(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), "compiled");
}

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("greet", Napi::Function::New(env, Greet));
  return exports;
}

NODE_API_MODULE(greet, Init)
