#include "file_read.h"

#include <cstring>

#include "core/js_bytes.h"
#include "repo.h"
#include "tree.h"

namespace ostree {
namespace {

// Files up to this size are read by one job and copied to JavaScript as they are.
constexpr uint64_t kSmallFile = 256 << 10;

struct OpenedFile {
  std::shared_ptr<OpenFile> file;
  uint64_t size = 0;

  void Fields(auto&& field) {
    field("file", file);
    field("size", size);
  }
};

std::shared_ptr<OpenFile> Open(const Repo& repo, const std::string& rev, const std::string& path,
                               GCancellable* cancellable) {
  CommitTree tree(repo.reader(), rev, cancellable);
  auto found = tree.Find(path, /* follow_last */ true, kFileData);
  if (found.directory) throw tree.Fail("IS_DIRECTORY", "Is a directory", path);
  return std::make_shared<OpenFile>(found.checksum, std::move(found.file));
}

Failure TooLarge(const std::string& rev, const std::string& path, uint64_t size, uint64_t max_size) {
  Failure failure("TOO_LARGE", path + " in " + rev + " has " + std::to_string(size) +
                                   " bytes, more than the " + std::to_string(max_size) + " allowed");
  failure.ref = rev;
  failure.path = path;
  return failure;
}

}  // namespace

FileContent ReadContent(std::shared_ptr<OpenFile> file, GCancellable* cancellable) {
  FileContent content{file->size(), std::nullopt, std::nullopt};
  if (content.size > kSmallFile) {
    content.file = std::move(file);
    return content;
  }
  content.data.emplace(content.size);
  auto* data = content.data->data();
  file->Read(content.size, cancellable,
             [data](size_t offset, const void* piece, size_t size) { memcpy(data + offset, piece, size); });
  return content;
}

// ostree_repo_load_file
Napi::Value FileRead(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto path = args.Next<std::string>("path");
  auto max_size = args.Next<uint64_t>("maxSize");
  return Async(args, repo->ReadWork(), [repo, rev, path, max_size](Job& job) {
    auto file = Open(*repo, rev, path, job.cancellable());
    if (file->size() > max_size) throw TooLarge(rev, path, file->size(), max_size);
    return ReadContent(file, job.cancellable());
  });
}

// ostree_repo_load_file
Napi::Value FileOpen(const Napi::CallbackInfo& info) {
  Args args(info);
  auto repo = args.Handle<Repo>("repo");
  auto rev = args.Next<std::string>("rev");
  auto path = args.Next<std::string>("path");
  return Async(args, repo->ReadWork(), [repo, rev, path](Job& job) {
    auto file = Open(*repo, rev, path, job.cancellable());
    return OpenedFile{file, file->size()};
  });
}

// g_input_stream_read: the number of bytes, fewer than asked for only at the end.
Napi::Value FileFill(const Napi::CallbackInfo& info) {
  Args args(info);
  auto file = args.Handle<OpenFile>("file");
  JsBytes bytes(args.Next(), "bytes", info[2]);
  return Async(args, ReadPool(), [file, bytes](Job& job) {
    JsBytesWriter writer(bytes, job.cancellable());
    return file->Read(
        bytes.size(), job.cancellable(),
        [&writer](size_t offset, const void* data, size_t size) { writer.Write(offset, data, size); });
  });
}

// lseek, or else inflating: where it has come to.
Napi::Value FileSeek(const Napi::CallbackInfo& info) {
  Args args(info);
  auto file = args.Handle<OpenFile>("file");
  auto position = args.Next<uint64_t>("position");
  return Async(args, ReadPool(),
               [file, position](Job& job) { return file->Seek(position, job.cancellable()); });
}

Napi::Value FileClose(const Napi::CallbackInfo& info) {
  Args(info).Handle<OpenFile>("file")->Close();
  return info.Env().Undefined();
}

}  // namespace ostree
