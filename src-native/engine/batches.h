// The same work for each of many things, on all cores.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>

#include "core/task_group.h"
#include "engine/pool.h"

namespace ostree {

// Calls work(tool, 0) … work(tool, count - 1), each once, on the threads of the
// engine, and returns when all of them have. What one throws ends the rest, and
// is thrown. Each batch has a tool to itself, made by make_tool() where none is free.
template <class MakeTool, class Work>
void RunInBatches(size_t count, GCancellable* cancellable, const MakeTool& make_tool, const Work& work) {
  // Large enough for little overhead, small enough for all threads to end together.
  size_t batch = std::clamp<size_t>(count / (8 * TaskGroup::Threads()), 1, 256);
  Pool<typename std::invoke_result_t<MakeTool>::element_type> tools(make_tool);
  TaskGroup tasks(cancellable);
  for (size_t begin = 0; begin < count; begin += batch) {
    size_t end = std::min(begin + batch, count);
    tasks.Run([&tools, &work, &tasks, begin, end] {
      auto tool = tools.Take();
      for (size_t i = begin; i < end && !tasks.stopped(); i++) work(*tool, i);
    });
  }
  tasks.Wait();
}

// The same without a tool: work(0) and so on.
template <class Work>
void RunInBatches(size_t count, GCancellable* cancellable, const Work& work) {
  RunInBatches(
      count, cancellable, [] { return std::make_unique<char>(); }, [&work](char, size_t i) { work(i); });
}

}  // namespace ostree
