#include "kernel_args.h"

#include "core/dynamic.h"
#include "sysroot.h"
#include "write.h"

namespace ostree {
namespace {

using Arguments = std::vector<std::string>;

Owned<OstreeKernelArgs> FromArguments(const Arguments& arguments) {
  Owned<OstreeKernelArgs> result(ostree_kernel_args_new());
  for (const auto& argument : arguments) ostree_kernel_args_append(result.get(), argument.c_str());
  return result;
}

Arguments ToArguments(OstreeKernelArgs* arguments) {
  OwnedStrv list(ostree_kernel_args_to_strv(arguments));
  Arguments result;
  for (char** argument = list.get(); *argument; argument++)
    if (**argument) result.push_back(ValidUtf8(*argument));
  return result;
}

void Delete(OstreeKernelArgs* arguments, const std::string& argument) {
  try {
    Try(ostree_kernel_args_delete, arguments, argument.c_str());
  } catch (Failure& failure) {
    // libostree has no codes for these.
    bool ambiguous = failure.message.starts_with("Multiple values");
    failure.code = ambiguous ? "INVALID_ARGUMENT" : "NOT_FOUND";
    throw;
  }
}

}  // namespace

void Apply(const KernelArgsEdit& edit, OstreeKernelArgs* arguments) {
  for (const auto& argument : edit.remove) Delete(arguments, argument);
  for (const auto& argument : edit.replace) ostree_kernel_args_replace(arguments, argument.c_str());
  for (const auto& argument : edit.append) ostree_kernel_args_append(arguments, argument.c_str());
  for (const auto& argument : edit.appendIfMissing)
    ostree_kernel_args_append_if_missing(arguments, argument.c_str());
}

std::vector<std::string> KernelArgsOf(OstreeDeployment* deployment) {
  Owned<OstreeKernelArgs> parsed(ostree_kernel_args_from_string(BootOptions(deployment)));
  auto arguments = ToArguments(parsed.get());
  std::erase_if(arguments, [](const auto& argument) { return argument.starts_with("ostree="); });
  return arguments;
}

// ostree_kernel_args_append, ostree_kernel_args_append_if_missing, ostree_kernel_args_replace,
// ostree_kernel_args_delete
Napi::Value KernelArgsApply(const Napi::CallbackInfo& info) {
  Args args(info);
  auto arguments = FromArguments(args.Next<Arguments>("arguments"));
  Apply(args.Next<KernelArgsEdit>("edit"), arguments.get());
  auto result = ToArguments(arguments.get());
  return ToJs(info.Env(), result);
}

// ostree_kernel_args_from_string
Napi::Value KernelArgsParse(const Napi::CallbackInfo& info) {
  Args args(info);
  Owned<OstreeKernelArgs> arguments(ostree_kernel_args_from_string(args.Next<std::string>("text").c_str()));
  auto result = ToArguments(arguments.get());
  return ToJs(info.Env(), result);
}

// ostree_kernel_args_contains, ostree_kernel_args_get_last_value
Napi::Value KernelArgsLastValue(const Napi::CallbackInfo& info) {
  Args args(info);
  auto arguments = FromArguments(args.Next<Arguments>("arguments"));
  auto key = args.Next<std::string>("key");
  if (!ostree_kernel_args_contains(arguments.get(), key.c_str())) return info.Env().Undefined();
  auto* value = ostree_kernel_args_get_last_value(arguments.get(), key.c_str());
  return value ? Napi::Value(Napi::String::New(info.Env(), value)) : info.Env().Null();
}

namespace {

// Some versions of libostree (2022.7 among them) take the edited booted deployment for a new one, and refuse.
Changed WriteEdited(Sysroot& sysroot, const DeploymentList& list, const std::string& id) {
  try {
    return WriteDeployments(sysroot, list);
  } catch (const Failure& failure) {
    if (failure.message != "Attempting to remove booted deployment") throw;
    throw Failure("NOT_SUPPORTED", "libostree " + LibraryVersion() +
                                       " cannot edit the kernel arguments of '" + id +
                                       "' while it is booted: deploy its commit again with others");
  }
}

// As ostree_sysroot_deployment_set_kargs() does it, but for the clean-up,
// which must not make a written change look like a failed one.
Changed EditKernelArgs(Sysroot& sysroot, const std::string& id, const KernelArgsEdit& edit, Job& job) {
  sysroot.LoadForChange(job.cancellable());
  auto deployment = FindDeployment(sysroot, id);
  if (ostree_deployment_is_staged(deployment.get()))
    throw Failure("NOT_SUPPORTED",
                  "'" + id + "' is staged: its kernel arguments are chosen by deploying again");
  Owned<OstreeKernelArgs> arguments(ostree_kernel_args_from_string(BootOptions(deployment.get())));
  Apply(edit, arguments.get());
  Owned<char> options(ostree_kernel_args_to_string(arguments.get()));

  auto edited = Shared<OstreeDeployment>::Take(ostree_deployment_clone(deployment.get()));
  ostree_bootconfig_parser_set(ostree_deployment_get_bootconfig(edited.get()), "options", options.get());
  auto list = Deployments(sysroot);
  for (auto& entry : list)
    if (entry.get() == deployment.get()) entry = edited;
  auto changed = WriteEdited(sysroot, list, id);
  changed.id = id;
  // Behind a staged deployment libostree compares entries with the wrong ones, and may leave this one out.
  if (KernelArgsOf(FindDeployment(sysroot, id).get()) != KernelArgsOf(edited.get()))
    throw Failure("FAILED", "libostree did not write the kernel arguments of '" + id +
                                "': remove what is staged first");
  return changed;
}

}  // namespace

// ostree_deployment_get_bootconfig
Napi::Value SysrootKernelArgs(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto id = args.Next<std::string>("id");
  return Async(args, sysroot->Work(), [sysroot, id](Job& job) {
    sysroot->Load(job.cancellable());
    return KernelArgsOf(FindDeployment(*sysroot, id).get());
  });
}

// ostree_deployment_clone, ostree_sysroot_write_deployments_with_options
Napi::Value SysrootEditKernelArgs(const Napi::CallbackInfo& info) {
  Args args(info);
  auto sysroot = args.Handle<Sysroot>("sysroot");
  auto id = args.Next<std::string>("id");
  auto edit = args.Next<KernelArgsEdit>("edit");
  return Async(args, sysroot->Change("an edit of kernel arguments"),
               [sysroot, id, edit](Job& job) { return EditKernelArgs(*sysroot, id, edit, job); });
}

}  // namespace ostree
