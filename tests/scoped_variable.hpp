#pragma once
/// \file A variable of the environment, set until the end of a scope.

#include <cstdlib>
#include <optional>
#include <string>

class scoped_variable {
   public:
    scoped_variable(const char* name, const char* value) : name_(name) {
        if (const char* before = std::getenv(name)) before_ = before;
        set(value);
    }
    ~scoped_variable() { set(before_ ? before_->c_str() : nullptr); }
    scoped_variable(const scoped_variable&) = delete;
    scoped_variable& operator=(const scoped_variable&) = delete;

   private:
    /// \param value null for none
    void set(const char* value) const {
#if defined(_WIN32)
        ::_putenv_s(name_, value == nullptr ? "" : value);
#else
        value == nullptr ? ::unsetenv(name_) : ::setenv(name_, value, 1);
#endif
    }

    const char* name_;
    std::optional<std::string> before_;
};
