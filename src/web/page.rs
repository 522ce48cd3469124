//! The frame around every page of a signed-in person: sidebar, tabs, the note of what was just done. Loaded in the read of the
//! page itself, so that a page is one trip to the database pool.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use askama::Template;

use super::banner::Banner;
use super::flash::Flash;
use super::page_error::PageError;
use super::signed_in::SignedIn;
use super::words;
use crate::actions::access::Member;
use crate::actions::projects::{self, Listed};
use crate::db::Db;
use crate::domain::ids::ProjectId;
use crate::domain::role::Role;
use crate::error::AppError;

/// Which tab of a project is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Tasks,
    Webhooks,
    Deliveries,
    Members,
    Audit,
    /// A page of the project that no tab leads to.
    Other,
}

/// What `base.html` prints.
#[derive(Debug)]
pub struct Shell {
    pub title: String,
    pub theme: &'static str,
    pub name: String,
    /// Under the name: the role in this project, or the login.
    pub role: String,
    pub initial: String,
    pub hue: i64,
    pub on_account: bool,
    /// Which page of the installation is open; empty: none.
    pub on_installation: &'static str,
    /// Looks after the installation: the sidebar leads to its pages.
    pub administrator: bool,
    pub projects: Vec<SideProject>,
    pub here: Option<Here>,
    pub flash: Option<Flash>,
    /// Which webhooks of the project fail.
    pub banner: Option<Banner>,
}

#[derive(Debug)]
pub struct SideProject {
    pub id: ProjectId,
    pub name: String,
    pub color: String,
    pub open: i64,
    /// Webhooks that fail or were turned off automatically.
    pub alerts: i64,
    pub archived: bool,
    pub manages: bool,
    pub owns: bool,
    pub current: bool,
}

/// The project that the page belongs to.
#[derive(Debug)]
pub struct Here {
    pub id: ProjectId,
    pub name: String,
    pub color: String,
    pub archived: bool,
    open: i64,
    alerts: i64,
    manages: bool,
    tab: Tab,
}

#[derive(Debug)]
pub struct TabLink {
    pub label: &'static str,
    pub path: &'static str,
    pub count: i64,
    pub alerts: i64,
    pub current: bool,
}

impl SignedIn {
    /// The frame of a page of one project. While a webhook of it is in trouble, the page says so to who manages webhooks.
    pub fn shell_in(
        &self,
        db: &mut Db,
        title: impl Into<String>,
        member: &Member,
        tab: Tab,
    ) -> Result<Shell, AppError> {
        let mut shell = self.shell_without_banner(db, title, member, tab)?;
        // The sidebar knows already whether there is anything to look for.
        if shell.here.as_ref().is_some_and(|here| here.alerts > 0) {
            shell.banner = Banner::of(db, member, self.now)?;
        }
        Ok(shell)
    }

    /// The frame of a page that says itself what is the matter with the project's webhooks.
    pub fn shell_without_banner(
        &self,
        db: &mut Db,
        title: impl Into<String>,
        member: &Member,
        tab: Tab,
    ) -> Result<Shell, AppError> {
        let mut shell = self.shell(db, title)?;
        let project = &member.project;
        let side = shell.projects.iter_mut().find(|side| side.id == project.id);
        let (open, alerts) = side.map_or((0, 0), |side| {
            side.current = true;
            (side.open, side.alerts)
        });
        shell.role = capital(member.role.as_str());
        shell.here = Some(Here {
            id: project.id,
            name: project.name.clone(),
            color: project.color.clone(),
            archived: project.archived_at.is_some(),
            open,
            alerts,
            manages: member.manages(),
            tab,
        });
        Ok(shell)
    }

    /// The frame of a page that belongs to no project.
    pub fn shell(&self, db: &mut Db, title: impl Into<String>) -> Result<Shell, AppError> {
        let side = |listed: Listed| SideProject {
            id: listed.project.id,
            name: listed.project.name,
            color: listed.project.color,
            open: listed.open,
            alerts: listed.alerts,
            archived: listed.project.archived_at.is_some(),
            manages: listed.role >= Role::Manager,
            owns: listed.role == Role::Owner,
            current: false,
        };
        Ok(Shell {
            title: title.into(),
            theme: self.theme,
            name: self.name.clone(),
            role: self.login.clone(),
            initial: words::initial(&self.name),
            hue: words::hue(self.actor.user.0),
            on_account: false,
            on_installation: "",
            administrator: self.administrator,
            projects: projects::list(db, &self.actor)?.into_iter().map(side).collect(),
            here: None,
            flash: self.flash.clone(),
            banner: None,
        })
    }
}

impl Shell {
    /// What the switch without script turns to; unknown to us while the system decides.
    pub fn other_theme(&self) -> &'static str {
        if self.theme == "dark" { "light" } else { "dark" }
    }
}

impl SideProject {
    pub fn alert_words(&self) -> String {
        let needs = if self.alerts == 1 { "needs" } else { "need" };
        format!("{} {needs} a look", words::counted(self.alerts, "webhook", "webhooks"))
    }

    pub fn alert_words_short(&self) -> String {
        let needs = if self.alerts == 1 { "needs" } else { "need" };
        format!("{} {needs} a look", self.alerts)
    }
}

impl Here {
    pub fn tabs(&self) -> Vec<TabLink> {
        let link = |tab, label, path, count, alerts| TabLink {
            label,
            path,
            count,
            alerts,
            current: self.tab == tab,
        };
        let mut tabs = vec![
            link(Tab::Tasks, "Tasks", "", self.open, 0),
            link(Tab::Webhooks, "Webhooks", "/webhooks", 0, self.alerts),
            link(Tab::Deliveries, "Deliveries", "/deliveries", 0, 0),
            link(Tab::Members, "Members", "/members", 0, 0),
        ];
        if self.manages {
            tabs.push(link(Tab::Audit, "Audit", "/audit", 0, 0));
        }
        tabs
    }
}

/// `owner` → `Owner`
pub fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

pub fn html(template: &impl Template) -> Result<HttpResponse, PageError> {
    html_with(StatusCode::OK, template)
}

/// A form that came back with errors is `422`, so that scripts and tests see it without reading.
pub fn html_with(status: StatusCode, template: &impl Template) -> Result<HttpResponse, PageError> {
    let text = template
        .render()
        .map_err(|error| AppError::Internal(error.to_string()))?;
    Ok(HttpResponse::build(status).content_type(ContentType::html()).body(text))
}
